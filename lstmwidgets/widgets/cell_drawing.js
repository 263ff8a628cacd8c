// Pieces of which the picture of a cell is made: wires that carry a value, strips of all units.

import { diverging, sequential } from "../live/colors.js";
import { GATES } from "./cell_numbers.js";

const NAMESPACE = "http://www.w3.org/2000/svg";
const STRIPE = 16; // pixels in which both colours come once
const HEAD = 10; // how far an arrow's line stops before its tip

export function draw(tag, attributes = {}, parent = null, text = null) {
  const node = document.createElementNS(NAMESPACE, tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== null) node.textContent = text;
  parent?.append(node);
  return node;
}

// A path through points, its corners rounded.
export function rounded(points, radius = 12) {
  const toward = ([x, y], [u, v], far) => {
    const length = Math.hypot(u - x, v - y) || 1;
    const reach = Math.min(far, length / 2);
    return [x + ((u - x) * reach) / length, y + ((v - y) * reach) / length];
  };
  let path = `M${points[0].join(" ")}`;
  for (let n = 1; n < points.length - 1; n++) {
    const enter = toward(points[n], points[n - 1], radius);
    const leave = toward(points[n], points[n + 1], radius);
    path += `L${enter.join(" ")}Q${points[n].join(" ")} ${leave.join(" ")}`;
  }
  return `${path}L${points.at(-1).join(" ")}`;
}

// A line whose width says how large a value is, and whose colour says which. On average over a
// layer it has stripes of both colours, as long as the units below and above zero weigh.
export class Wire {
  constructor(parent, points, options = {}) {
    const { number = null, width = 8, arrow = true, bridge = null, thin = false } = options;
    this.number = number;
    this.most = width;
    this.thin = thin;
    this.group = draw("g", { class: thin ? "wire thin" : "wire" }, parent);
    const [u, v] = points.at(-2);
    const [x, y] = points.at(-1);
    const length = Math.hypot(x - u, y - v);
    this.tip = [x, y];
    this.along = [(x - u) / length, (y - v) / length];
    const stop = arrow ? [x - this.along[0] * HEAD, y - this.along[1] * HEAD] : [x, y];
    const path = rounded([...points.slice(0, -1), stop]);
    if (bridge) draw("path", { d: rounded(bridge), class: "gap" }, this.group);
    draw("path", { d: path, class: "reach" }, this.group);
    this.casing = draw("path", { d: path, class: "casing" }, this.group);
    this.core = draw("path", { d: path, class: "core" }, this.group);
    this.minor = draw("path", { d: path, class: "minor" }, this.group);
    if (arrow) this.head = draw("path", { class: "head" }, this.group);
    this.flow = draw("path", { d: path, class: "flow" }, this.group);
    if (!number) this.paint(2.5, null, 0, null);
  }

  update(look, scale) {
    if (!this.number) return;
    const now = look[this.number];
    const known = now && Number.isFinite(now.value);
    this.group.classList.toggle("unknown", !known);
    if (!known) return this.paint(1.5, null, 0, null);
    const share = Math.min(1, now.size / scale);
    const width = 1.8 + (this.most - 1.8) * share;
    if (GATES.has(this.number)) return this.paint(width, sequential(now.value), 0, null);
    const positive = now.positive >= now.negative;
    const less = Math.min(now.positive, now.negative) / (now.positive + now.negative || 1);
    const depth = less ? 0.4 + 0.6 * share : share; // two pale colours could not be told apart
    const [above, below] = [diverging(depth), diverging(-depth)];
    this.paint(width, positive ? above : below, less, positive ? below : above);
  }

  paint(width, colour, less, minorColour) {
    this.casing.style.strokeWidth = `${width + 1.8}px`;
    this.core.style.strokeWidth = `${width}px`;
    this.core.style.stroke = colour ?? "";
    this.minor.style.strokeWidth = `${width}px`;
    this.minor.style.stroke = less ? minorColour : "none";
    this.minor.style.strokeDasharray = `${STRIPE * less} ${STRIPE * (1 - less)}`;
    this.flow.style.strokeWidth = `${Math.max(1.5, width * 0.4)}px`;
    if (!this.head) return;
    const [x, y] = this.tip;
    const [ax, ay] = this.along;
    const half = this.thin ? 3.5 : Math.max(4.5, width / 2 + 2.5);
    const back = HEAD + 1;
    const corner = (side) =>
      `${x - ax * back - ay * half * side} ${y - ay * back + ax * half * side}`;
    this.head.setAttribute("d", `M${x} ${y}L${corner(1)}L${corner(-1)}Z`);
    this.head.style.fill = colour ?? "";
  }
}

// All units of a layer as small squares, in the same places wherever they stand.
export class Strip {
  constructor(parent, x, y, width, height, name, units) {
    this.name = name;
    this.group = draw("g", { class: "strip", transform: `translate(${x} ${y})` }, parent);
    let columns = units.length;
    while (columns > 1) {
      const side = width / (columns - 1);
      if (Math.ceil(units.length / (columns - 1)) * side > height) break;
      columns--;
    }
    const rows = Math.ceil(units.length / columns);
    columns = Math.ceil(units.length / rows); // so that the last row is not nearly empty
    const side = Math.min(width / columns, height / rows, 13);
    const gap = side > 5 ? 1 : side > 3 ? 0.5 : 0;
    this.cells = units.map((unit, n) =>
      draw(
        "rect",
        {
          x: (n % columns) * side,
          y: Math.floor(n / columns) * side,
          width: side - gap,
          height: side - gap,
          rx: side > 9 ? 2 : 0,
          "data-unit": unit,
        },
        this.group,
      ),
    );
    const size = { width: side - gap, height: side - gap, rx: 1.5 };
    this.mark = draw("rect", { class: "mark", ...size }, this.group);
    this.hover = draw("rect", { class: "hover", ...size }, this.group);
    this.point(this.mark, null);
    this.point(this.hover, null);
  }

  update(values, scale) {
    const gate = GATES.has(this.name);
    this.cells.forEach((cell, n) => {
      const value = values[n];
      const known = Number.isFinite(value);
      cell.style.fill = known ? (gate ? sequential(value) : diverging(value / scale)) : "";
      cell.classList.toggle("unknown", !known);
    });
  }

  point(frame, place) {
    const cell = this.cells[place];
    frame.style.display = cell ? "" : "none";
    if (!cell) return;
    frame.setAttribute("x", cell.getAttribute("x"));
    frame.setAttribute("y", cell.getAttribute("y"));
  }
}

// How far a value goes on its scale: from the left for gates, from the middle for the rest, where a
// layer has both what is above zero and what is below.
export class Gauge {
  constructor(parent, x, y, width, number) {
    const gate = GATES.has(number);
    Object.assign(this, { number, gate, zero: gate ? x : x + width / 2 });
    this.room = gate ? width : width / 2;
    draw("rect", { x, y, width, height: 7, rx: 2, class: "trough" }, parent);
    this.up = draw("rect", { x: this.zero, y, height: 7, rx: 2, class: "level" }, parent);
    this.down = draw("rect", { y, height: 7, rx: 2, class: "level" }, parent);
    const middle = { x1: this.zero, x2: this.zero, y1: y - 2, y2: y + 9, class: "zero" };
    if (!gate) draw("line", middle, parent);
  }

  update(look) {
    const { positive = 0, negative = 0 } = look[this.number] ?? {};
    const [up, down] = [positive, negative].map((share) => (share > 0 ? Math.min(1, share) : 0));
    this.up.setAttribute("width", this.room * up);
    this.up.style.fill = this.gate ? sequential(up) : diverging(up);
    this.down.setAttribute("x", this.zero - this.room * down);
    this.down.setAttribute("width", this.room * down);
    this.down.style.fill = diverging(-down);
  }
}
