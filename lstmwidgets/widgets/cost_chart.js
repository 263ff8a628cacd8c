// One cost against the hidden size, both on logarithmic axes, with a mark at the size that is chosen.

import { element, path, penOf, say } from "../live/drawing.js";
import { writtenCost } from "./cost_numbers.js";

const COST_HEIGHT = 172, COST_LEFT = 50, COST_RIGHT = 12, COST_TOP = 8, COST_BOTTOM = 34;
const COST_SAMPLES = 60; // places at which a counted curve is drawn
const COST_ROOM = 1.25; // how much further the axis goes than the sizes

export class CostChart {
  // options: {id, title, unit, note(), missing(), curves(), own(), sizes(), hidden(), pointed(),
  //           palette(), onPoint(size), onPick(size)}; missing: what to say where there are no curves
  constructor(parent, options) {
    Object.assign(this, options);
    this.root = element(parent, "div", { class: "lw-cost", "data-chart": this.id });
    const head = element(this.root, "div", { class: "lw-cost-head" });
    element(head, "b", { text: this.title });
    this.noted = element(head, "span", { class: "lw-cost-note" });
    this.canvas = element(this.root, "canvas", { class: "lw-canvas", role: "img" });
    this.legend = element(this.root, "div", { class: "lw-cost-legend" });
    const listeners = {
      pointermove: (event) => this.onPoint(this.sizeAt(event)),
      pointerleave: () => this.onPoint(null),
      click: (event) => this.onPick(this.sizeAt(event)),
    };
    for (const [name, call] of Object.entries(listeners)) this.canvas.addEventListener(name, call);
  }

  get colours() {
    const palette = this.palette();
    return (colour) => palette[colour] ?? colour;
  }

  // The known size that is nearest to the pointer.
  sizeAt(event) {
    if (!this.scene) return null;
    const across = event.clientX - this.canvas.getBoundingClientRect().left;
    const { x } = this.scene;
    const sizes = this.sizes();
    return sizes.reduce((best, size) => (Math.abs(x(size) - across) < Math.abs(x(best) - across) ? size : best));
  }

  draw() {
    const width = Math.floor(this.root.clientWidth);
    if (!width) return; // hidden for a moment
    this.pen = penOf(this.canvas, width, COST_HEIGHT, `12px ${getComputedStyle(this.root).fontFamily}`);
    const sizes = this.sizes(), curves = this.curves(), own = this.own();
    const first = Math.log(sizes[0] / COST_ROOM), last = Math.log(sizes.at(-1) * COST_ROOM);
    const room = width - COST_LEFT - COST_RIGHT;
    const x = (size) => COST_LEFT + (room * (Math.log(size) - first)) / (last - first);
    const [low, high] = costExtent(curves, sizes, own);
    const bottom = COST_HEIGHT - COST_BOTTOM;
    const y = (value) => bottom - ((bottom - COST_TOP) * (Math.log10(value) - low)) / (high - low);
    this.scene = { x, y, room, bottom, low, high };
    this.axes(sizes, curves);
    for (const curve of curves) this.line(curve, sizes);
    this.marks(curves, own);
    this.list(curves, own);
    say(this.noted, this.note());
  }

  axes(sizes, curves) {
    const { pen, scene } = this;
    const { x, y, room, bottom, low, high } = scene;
    const palette = this.palette();
    Object.assign(pen, { lineWidth: 1, strokeStyle: palette.grid, fillStyle: palette.muted });
    Object.assign(pen, { textAlign: "right", textBaseline: "middle" });
    pen.beginPath();
    const apart = Math.ceil((high - low) / 5);
    for (let tick = Math.ceil(low - 1e-9); tick <= high; tick += apart) {
      const at = Math.round(y(10 ** tick)) + 0.5;
      pen.moveTo(COST_LEFT, at);
      pen.lineTo(COST_LEFT + room, at);
      if (curves.length) pen.fillText(writtenCost(10 ** tick, this.unit, true), COST_LEFT - 6, at);
    }
    pen.stroke();
    pen.textAlign = "center";
    let free = 0;
    for (const size of sizes) {
      const text = size.toLocaleString("en"), half = pen.measureText(text).width / 2;
      if (x(size) - half < free) continue;
      pen.fillText(text, x(size), bottom + 11);
      free = x(size) + half + 8;
    }
    pen.fillText("hidden units", COST_LEFT + room / 2, bottom + 26);
    if (!curves.length) pen.fillText(this.missing(), COST_LEFT + room / 2, bottom / 4);
  }

  line({ colour, dashed, at, points }, sizes) {
    const { pen, scene } = this;
    pen.strokeStyle = pen.fillStyle = this.colours(colour);
    pen.lineWidth = 2;
    pen.setLineDash(dashed ? [5, 4] : []);
    const drawn = points ?? sampled(sizes[0], sizes.at(-1)).map((size) => [size, at(size)]);
    const last = drawn.length - 1;
    path(pen, { from: 0, to: last, at: (n) => drawn[n][1] }, (n) => scene.x(drawn[n][0]), scene.y, Infinity);
    pen.setLineDash([]);
    for (const [size, value] of points ?? []) this.dot(size, value, 2.5);
  }

  dot(size, value, radius) {
    this.pen.beginPath();
    this.pen.arc(this.scene.x(size), this.scene.y(value), radius, 0, 7);
    this.pen.fill();
  }

  // The size that is chosen, the one that is pointed at, and the model itself.
  marks(curves, own) {
    const { pen, scene } = this;
    const palette = this.palette();
    const upright = (size, colour) => {
      pen.strokeStyle = colour;
      pen.lineWidth = 1;
      pen.beginPath();
      const at = Math.round(scene.x(size)) + 0.5;
      pen.moveTo(at, COST_TOP - 4);
      pen.lineTo(at, scene.bottom);
      pen.stroke();
    };
    upright(this.hidden(), palette.accent);
    for (const { at, colour } of curves) {
      const value = at(this.hidden());
      if (!(value > 0)) continue;
      pen.fillStyle = palette.accent;
      this.dot(this.hidden(), value, 5);
      pen.fillStyle = this.colours(colour);
      this.dot(this.hidden(), value, 3);
    }
    if (this.pointed() !== null) upright(this.pointed(), palette.mark);
    if (!own) return;
    pen.strokeStyle = palette.ink;
    pen.lineWidth = 1.5;
    const [x, y] = [scene.x(own.hidden), scene.y(own.value)];
    pen.strokeRect(x - 5, y - 5, 10, 10);
  }

  list(curves, own) {
    const dark = this.palette();
    const key = JSON.stringify([curves.map(({ label }) => label), dark.ink, Boolean(own)]);
    if (key !== this.listed) {
      this.listed = key;
      this.legend.replaceChildren();
      const entry = (label, swatch, colour) => {
        const node = element(this.legend, "span", { class: "lw-entry" });
        const mark = element(node, "span", { class: `lw-swatch ${swatch}`, "aria-hidden": "true" });
        mark.style.setProperty("--lw-colour", this.colours(colour));
        element(node, "span", { class: "lw-label", text: label });
        return element(node, "b");
      };
      this.values = curves.map(({ label, colour, dashed }) => entry(label, dashed ? "lw-cost-dashed" : "", colour));
      this.ownValue = own ? entry("your model", "lw-cost-own", "ink") : null;
    }
    const size = this.pointed() ?? this.hidden();
    curves.forEach(({ at, points }, n) => {
      const about = points && !points.some(([each]) => each === size) && at(size) > 0 ? "≈ " : "";
      say(this.values[n], about + writtenCost(at(size), this.unit));
    });
    if (own) say(this.ownValue, writtenCost(own.value, this.unit));
    const told = curves.map(({ label, at }) => `${label} ${writtenCost(at(size), this.unit)}`);
    const all = `${this.title} at ${size} units: ${told.join(", ") || "not measured"}.`;
    if (this.canvas.getAttribute("aria-label") !== all) this.canvas.setAttribute("aria-label", all);
  }
}

const sampled = (first, last) =>
  Array.from({ length: COST_SAMPLES }, (_, n) => first * (last / first) ** (n / (COST_SAMPLES - 1)));

// Logarithms to the base of 10 from below the smallest value to above the largest: a decade at least.
function costExtent(curves, sizes, own) {
  const ends = [sizes[0], sizes.at(-1)];
  const values = curves.flatMap(({ at, points }) => (points ? points.map(([, value]) => value) : ends.map(at)));
  if (own) values.push(own.value);
  const logs = values.filter((value) => value > 0).map(Math.log10);
  if (!logs.length) return [0, 1];
  const low = Math.min(...logs), high = Math.max(...logs);
  const more = 0.06 * (high - low) + Math.max(0, (1 - (high - low)) / 2);
  return [low - more, high + more];
}
