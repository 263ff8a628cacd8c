// The picture of a cell: the figure of the textbooks, with its values in it.

import { clamp } from "../live/colors.js";
import { draw, Gauge, Strip, Wire } from "./cell_drawing.js";
import { explain, PARTS, quantity } from "./cell_words.js";
import { written } from "./cell_numbers.js";

const STRIP = 26; // height
const RING = 13; // radius of an operation
const MOST_LETTERS = 22; // of a label from data

// Where things stand in a picture of this width; all in pixels, so that letters keep their size.
function places(width, kind) {
  const left = clamp(width * 0.13, 58, 124);
  const right = clamp(width * 0.2, 88, 186);
  const column = (width - left - right) / 4;
  const box = Math.min(column - clamp(column * 0.12, 8, 14), 150);
  const narrow = box < 90;
  const pad = narrow ? 7 : 10;
  const [f, i, g, o] = [0, 1, 2, 3].map((n) => left + column * (n + 0.5));
  const normed = kind === "layer_norm";
  const top = 282;
  const bottom = top + 104;
  const bus = bottom + 68 + (kind === "full_gate_recurrence" ? 58 : 0);
  return {
    ...{ width, left, box, narrow, pad, f, i, g, o, top, bottom, bus },
    ...{ memory: 98, product: 188, norm: 130, squash: normed ? 184 : 170, shown: 240 },
    strip: box - 2 * pad,
    plus: (i + g) / 2,
    tanh: width - right * 0.74,
    up: width - right * 0.24,
    gates: bottom + 42, // what all gates were before, if they see it
    input: left * (normed ? 0.76 : 0.5),
    height: bus + 62,
  };
}

export class Picture {
  // on: {part(name or null), unit(unit or null), pick(unit)}
  constructor(parent, on) {
    const role = { role: "group", "aria-label": "The LSTM cell" };
    this.svg = draw("svg", { class: "lw-picture", ...role }, parent);
    const part = (event) => on.part(event.target.closest("[data-part]")?.dataset.part ?? null);
    const unitAt = (event) => {
      const unit = event.target.dataset?.unit;
      return unit === undefined ? null : Number(unit);
    };
    const leave = () => {
      on.part(null);
      on.unit(null);
    };
    const listeners = {
      pointerover: (event) => {
        part(event);
        on.unit(unitAt(event));
      },
      pointerleave: leave,
      focusin: part,
      focusout: leave,
      click: (event) => {
        if (unitAt(event) !== null) on.pick(unitAt(event));
      },
    };
    for (const [name, call] of Object.entries(listeners)) this.svg.addEventListener(name, call);
  }

  // units: those drawn; ranks: where they stand among those that the recording has.
  build(width, kind, units, ranks) {
    Object.assign(this, { kind, units, ranks, parts: {} });
    for (const list of ["wires", "strips", "gauges", "texts"]) this[list] = [];
    const at = places(width, kind);
    this.svg.replaceChildren();
    this.svg.setAttribute("viewBox", `0 0 ${width} ${at.height}`);
    this.svg.style.height = `${at.height}px`;
    const lane = { x: 0, y: at.memory - 15, width, height: 30, rx: 6, class: "lane" };
    draw("rect", lane, this.svg);
    const note = { x: 6, y: at.memory + 30, class: "small note" };
    if (width > 560) draw("text", note, this.svg, "memory line");
    this.inputs(at);
    this.wire("c0", "c0", [[4, at.memory], [at.f - RING - 1, at.memory]], { width: 14 });
    this.label("c0", "c0", 6, 44, { anchor: "start", strip: at.strip });
    this.box("f", at, "Forget gate", [[at.f, at.top], [at.f, at.memory + RING + 1]]);
    this.operation("fc", at.f, at.memory, "×");
    const stays = [[at.f + RING, at.memory], [at.plus - RING - 1, at.memory]];
    this.wire("fc", "fc", stays, { width: 14 });
    this.label("fc", "fc", (at.f + at.plus) / 2 + 2, at.memory - 16);
    const into = (x, side) => [[x, at.top], [x, at.product], [at.plus + side * 14, at.product]];
    this.box("i", at, "Input gate", into(at.i, -1));
    this.box("g", at, "Candidate", into(at.g, 1));
    this.newMemory(at);
    if (kind === "peephole" || kind === "full_gate_recurrence") this.peepholes(at);
    const shows = [[at.o, at.top], [at.o, at.shown], [at.tanh - RING - 1, at.shown]];
    this.box("o", at, "Output gate", shows);
    this.output(at);
  }

  part(name) {
    const about = { "data-part": name, "data-stage": PARTS[name][2], role: "img", tabindex: 0 };
    this.parts[name] ??= draw("g", { class: "part", ...about }, this.svg);
    return this.parts[name];
  }

  wire(name, number, points, options = {}) {
    this.wires.push(new Wire(this.part(name), points, { number, ...options }));
  }

  // A quantity's letters and number, and below them that of all units.
  label(name, number, x, y, { anchor = "middle", strip = 0, bare = false } = {}) {
    const about = { class: "value", "text-anchor": anchor, "data-number": number };
    const text = draw("text", { x, y, ...about }, this.part(name));
    this.texts.push({ text, number, bare });
    if (!strip || this.units.length < 2) return;
    const start = { start: x, middle: x - strip / 2, end: x - strip }[anchor];
    this.strip(name, number, start, y + 8, strip);
  }

  strip(name, number, x, y, width) {
    this.strips.push(new Strip(this.part(name), x, y, width, STRIP, number, this.units));
  }

  operation(name, x, y, sign) {
    const place = { transform: `translate(${x} ${y})`, class: "operation" };
    const group = draw("g", place, this.part(name));
    draw("circle", { r: RING, class: "shape" }, group);
    const cross = "M-4.5 -4.5L4.5 4.5M-4.5 4.5L4.5 -4.5";
    draw("path", { d: sign === "+" ? "M-6 0H6M0 -6V6" : cross, class: "sign" }, group);
  }

  pill(name, x, y, text, width) {
    const place = { transform: `translate(${x} ${y})`, class: "operation" };
    const group = draw("g", place, this.part(name));
    const size = { x: -width / 2, y: -11, width, height: 22, rx: 11 };
    draw("rect", { ...size, class: "shape" }, group);
    draw("text", { y: 4, "text-anchor": "middle", class: "function" }, group, text);
  }

  dot(name, x, y) {
    draw("circle", { cx: x, cy: y, r: 4, class: "dot" }, this.part(name));
  }

  // x and the output before, which go to all gates.
  inputs(at) {
    const { bus, input } = at;
    this.wire("h0", "h0", [[4, bus], [input, bus]], { arrow: false });
    this.label("h0", "h0", 6, bus - 46, { anchor: "start", strip: at.strip });
    this.wire("x", null, [[input, bus + 52], [input, bus]], { arrow: false });
    const about = { x: input + 12, y: bus + 46, class: "value token" };
    this.token = draw("text", about, this.part("x"));
    this.wire("join", null, [[input, bus], [at.o, bus]], { arrow: false });
    this.dot("join", input, bus);
    if (this.kind === "layer_norm") {
      this.pill("norm", input * 0.42, bus, "LN", 28);
      this.pill("norm", input, bus + 25, "LN", 28);
    }
    if (this.kind !== "full_gate_recurrence") return;
    const ends = ["f", "i", "o"].map((gate) => at[gate] + at.box * 0.3);
    const line = [[4, at.gates], [ends[2], at.gates], [ends[2], at.bottom + 2]];
    for (const x of ends.slice(0, 2))
      this.wire("u0", "u0", [[x, at.gates], [x, at.bottom + 2]], { width: 5, thin: true });
    this.wire("u0", "u0", line, { width: 5, thin: true });
    for (const x of ends.slice(0, 2)) this.dot("u0", x, at.gates);
    const lines = ["i0", "f0", "o0"].entries();
    for (const [n, gate] of lines)
      this.label("u0", gate, 6, at.gates - 62 + 17 * n, { anchor: "start" });
  }

  // Gates that look at the memory: i and f at the one before, o at the new one.
  peepholes(at) {
    const aside = at.box * 0.34;
    const bend = at.top - 34;
    const options = { width: 5, thin: true };
    const [forget, input, output] = [at.f - aside, at.i - aside, at.o - aside];
    this.wire("p", "c0", [[forget, at.memory], [forget, at.top - 1]], options);
    const across = [[forget, bend - 14], [forget, bend], [input, bend], [input, at.top - 1]];
    this.wire("p", "c0", across, options);
    this.wire("po", "c", [[output, at.memory], [output, at.top - 1]], options);
    this.dot("p", forget, at.memory);
    this.dot("po", output, at.memory);
  }

  // A gate or the candidate; `way` is where its value goes.
  box(name, at, caption, way) {
    const [x, width] = [at[name] - at.box / 2, at.box];
    const coupled = name === "i" && this.kind === "coupled";
    this.wire(name, name, way);
    if (coupled) {
      const [end, y] = [at.i - width * 0.3, at.top - 32];
      this.wire(name, "f", [[at.f, y], [end, y], [end, at.top - 1]]);
      this.pill(name, (at.f + end) / 2 + 2, y, "1 −", 32);
    } else {
      const z = `z${name}`;
      this.wire(name, z, [[at[name], at.bus], [at[name], at.bottom + 13]], { width: 7 });
      const beside = this.kind === "full_gate_recurrence" ? -1 : 1; // there, other arrows follow
      const anchor = beside < 0 ? "end" : "start";
      this.label(name, z, at[name] + 9 * beside, at.bottom + 34, { anchor, bare: true });
      this.texts.at(-1).text.classList.add("small");
    }
    const part = this.part(name);
    const size = { x, y: at.top, width, height: at.bottom - at.top, rx: 9 };
    draw("rect", { ...size, class: "shape" }, part);
    const [start, y] = [x + at.pad, at.top];
    const short = at.narrow ? caption.replace(" gate", "") : caption;
    const look = at.narrow ? "caption narrow" : "caption";
    draw("text", { x: start, y: y + 21, class: look }, part, short);
    this.label(name, name, start, y + 42, { anchor: "start", bare: at.narrow });
    this.gauges.push(new Gauge(part, start, y + 51, at.strip, name));
    if (this.units.length > 1) this.strip(name, name, start, y + 66, at.strip);
    if (coupled) return;
    if (name === "g") this.pill(name, at.g, at.bottom, "tanh", 42);
    else this.pill(name, at[name], at.bottom, "σ", 26);
  }

  newMemory(at) {
    const { plus, memory, product } = at;
    const enters = [[plus, product - RING], [plus, memory + RING + 1]];
    this.wire("ig", "ig", enters, { width: 14 });
    this.operation("ig", plus, product, "×");
    this.label("ig", "ig", plus - 14, (product + memory) / 2 + 10, { anchor: "end" });
    this.operation("add", plus, memory, "+");
    const out = [[plus + RING, memory], [at.width - 4, memory]];
    this.wire("c", "c", out, { width: 14 });
    const next = this.kind === "layer_norm" ? at.norm : at.squash;
    this.wire("c", "c", [[at.tanh, memory], [at.tanh, next - 12]]);
    this.dot("c", at.tanh, memory);
    this.label("c", "c", (plus + at.tanh) / 2, 44, { strip: at.strip });
  }

  output(at) {
    const { tanh, shown, up } = at;
    if (this.kind === "layer_norm") {
      this.wire("lc", "lc", [[tanh, at.norm + 11], [tanh, at.squash - 12]]);
      this.pill("lc", tanh, at.norm, "LN", 32);
      const between = (at.norm + at.squash) / 2 + 4;
      this.label("lc", "lc", tanh - 9, between, { anchor: "end", bare: true });
    }
    this.wire("tc", "tc", [[tanh, at.squash + 11], [tanh, shown - RING - 1]]);
    this.pill("tc", tanh, at.squash, "tanh", 46);
    this.label("tc", "tc", tanh - 9, shown - 24, { anchor: "end", bare: true });
    this.operation("show", tanh, shown, "×");
    this.wire("h", "h", [[tanh + RING, shown], [at.width - 4, shown]]);
    const bridge = [[up, at.memory + 15], [up, at.memory - 15]];
    this.wire("h", "h", [[up, shown], [up, 8]], { bridge });
    this.dot("h", up, shown);
    this.label("h", "h", at.width - 6, shown + 30, { anchor: "end", strip: at.strip });
  }

  // step: all numbers; look: those to show; place: of the unit among those shown, or null.
  update(step, look, layer, place) {
    const scale = (name) => step.frames.scale(name);
    for (const wire of this.wires) wire.update(look, scale(wire.number));
    for (const gauge of this.gauges) gauge.update(look);
    for (const strip of this.strips) {
      const all = step.all(strip.name);
      strip.update(this.ranks.map((rank) => all[rank]), scale(strip.name));
      strip.point(strip.mark, place);
      strip.group.classList.toggle("one", place !== null);
    }
    for (const { text, number, bare } of this.texts) {
      const now = look[number];
      const value = layer && !number.startsWith("z") ? now?.size : now?.value;
      text.textContent = bare ? written(value) : quantity(number, now, layer, this.kind);
      text.dataset.value = now?.value ?? "";
    }
    const letters = [...step.label];
    const more = letters.length > MOST_LETTERS;
    const short = more ? [...letters.slice(0, MOST_LETTERS - 1), "…"] : letters;
    this.token.textContent = `x: ${short.join("")}`;
    for (const [name, part] of Object.entries(this.parts))
      part.setAttribute("aria-label", explain(name, this.kind, look, layer));
  }

  attend(name) {
    for (const [each, part] of Object.entries(this.parts))
      part.classList.toggle("attended", each === name);
  }

  hover(place) {
    for (const strip of this.strips) strip.point(strip.hover, place);
  }

  stage(stage) {
    for (const part of Object.values(this.parts)) {
      const own = Number(part.dataset.stage);
      part.classList.toggle("lit", stage > 0 && own === stage);
      part.classList.toggle("later", stage > 0 && own > stage);
    }
  }
}
