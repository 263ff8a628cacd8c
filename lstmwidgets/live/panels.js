// The panels of a picture: each draws itself on a canvas of its own from what the store holds.

import { DIVERGING_PIXELS, gradient, diverging, sequential, SEQUENTIAL_PIXELS } from "./colors.js";
import { CLASS_COLOURS, classColour, OTHER_CLASSES } from "./palette.js";
import { numberTicks, written } from "./ticks.js";

const FEW = 4; // classes whose names stand beside the title

export function element(parent, tag, { text, ...attributes } = {}, listeners = {}) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  for (const [name, call] of Object.entries(listeners)) node.addEventListener(name, call);
  parent?.append(node);
  return node;
}

const say = (node, text) => {
  if (node.textContent !== text) node.textContent = text;
};

// A long name without its middle: names often begin alike.
const middle = (name, most = 26) =>
  name.length > most ? `${name.slice(0, most / 2)}…${name.slice(1 - most / 2)}` : name;

// Lines of numbers at (step, value), at most two points a pixel: its lowest and its highest.
export function path(pen, points, x, y, room) {
  pen.beginPath();
  const { from, to, at } = points;
  const dense = to - from > 2 * room;
  let open = false;
  if (!dense) {
    for (let n = from; n <= to; n++) {
      const value = at(n);
      if (Number.isNaN(value)) {
        open = false;
        continue;
      }
      const alone = !open && (n === to || Number.isNaN(at(n + 1)));
      if (alone) pen.moveTo(x(n) - 0.6, y(value)); // a point without neighbours is a dot
      if (open || alone) pen.lineTo(x(n) + (alone ? 0.6 : 0), y(value));
      else pen.moveTo(x(n), y(value));
      open = !alone;
    }
  } else {
    const apart = (to - from + 1) / room;
    for (let pixel = 0; pixel < room; pixel++) {
      let low = Infinity, high = -Infinity;
      const end = Math.min(to, Math.floor(from + (pixel + 1) * apart) - 1);
      for (let n = Math.floor(from + pixel * apart); n <= end; n++) {
        const value = at(n);
        if (value < low) low = value;
        if (value > high) high = value;
      }
      if (low > high) {
        open = false;
        continue;
      }
      const here = x(from + (pixel + 0.5) * apart);
      if (open) pen.lineTo(here, y(low));
      else pen.moveTo(here, y(low));
      pen.lineTo(here, y(high));
      open = true;
    }
  }
  pen.stroke();
}

function area(pen, from, to, low, high, x, y) {
  let n = from;
  while (n <= to) {
    while (n <= to && Number.isNaN(low(n))) n++;
    const begin = n;
    while (n <= to && !Number.isNaN(low(n))) n++;
    if (n === begin) break;
    pen.beginPath();
    for (let k = begin; k < n; k++) pen.lineTo(x(k), y(low(k)));
    for (let k = n - 1; k >= begin; k--) pen.lineTo(x(k), y(high(k)));
    pen.closePath();
    pen.fill();
  }
}

export class Panel {
  constructor(spec, parent, chart) {
    this.spec = spec;
    this.chart = chart;
    const section = { class: "lw-panel", "data-panel": spec.id, "data-kind": spec.kind };
    this.element = element(parent, "section", section);
    const head = element(this.element, "div", { class: "lw-head" });
    this.fold = element(head, "button", { type: "button", class: "lw-fold" }, {
      click: () => chart.fold(spec.id, !this.folded),
    });
    element(this.fold, "span", { class: "lw-arrow", "aria-hidden": "true" });
    const [name, more] = spec.title.split(":");
    element(this.fold, "span", { text: name });
    if (more) element(this.fold, "span", { class: "lw-more", text: `:${more}` });
    this.legend = element(head, "div", { class: "lw-legend" });
    this.canvas = element(this.element, "canvas", { class: "lw-canvas", role: "img" });
    this.pen = this.canvas.getContext("2d");
    this.entries = [];
    this.setFolded(false);
    this.makeLegend();
  }

  setFolded(folded) {
    this.folded = folded;
    this.element.classList.toggle("lw-folded", folded);
    this.fold.setAttribute("aria-expanded", !folded);
  }

  makeLegend() {}

  entry(label, colour, style = "line") {
    const entry = element(this.legend, "span", { class: "lw-entry" });
    const swatch = element(entry, "span", { class: `lw-swatch lw-${style}`, "aria-hidden": "true" });
    swatch.dataset.colour = colour;
    element(entry, "span", { class: "lw-label", text: middle(label), title: label });
    return style === "line" ? element(entry, "b") : null;
  }

  colourLegend(palette) {
    for (const swatch of this.legend.querySelectorAll("[data-colour]"))
      swatch.style.setProperty("--lw-colour", palette[swatch.dataset.colour] ?? swatch.dataset.colour);
  }

  resize(width, ratio) {
    this.width = width;
    this.ratio = ratio;
    const [across, down] = [Math.round(width * ratio), Math.round(this.spec.height * ratio)];
    if (this.canvas.width !== across) this.canvas.width = across;
    if (this.canvas.height !== down) this.canvas.height = down;
    this.canvas.style.height = `${this.spec.height}px`;
  }

  // Clear the canvas and return its pen, in CSS pixels.
  begin(scene) {
    const { pen, ratio } = this;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, this.width, this.spec.height);
    pen.font = scene.font;
    pen.lineJoin = "round";
    pen.setLineDash([]);
    return pen;
  }

  // Grid and numbers of the vertical axis; return where a value stands.
  scale(scene, low, high, { bottom = 4, top = 4, texts = null } = {}) {
    const { pen } = this;
    const height = this.spec.height - bottom;
    const y = (value) => height - ((height - top) * (value - low)) / (high - low || 1);
    const ticks = texts ?? numberTicks(low, high, Math.max(2, height / 28));
    pen.lineWidth = 1;
    pen.strokeStyle = scene.palette.grid;
    pen.fillStyle = scene.palette.muted;
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    pen.beginPath();
    for (const [value, text] of ticks) {
      const at = Math.round(y(value)) + 0.5;
      pen.moveTo(scene.left, at);
      pen.lineTo(scene.left + scene.room, at);
      pen.fillText(text, scene.left - 8, Math.min(height - 3, Math.max(6, at)), scene.left - 10);
    }
    pen.stroke();
    return y;
  }

  sayNothing(scene) {
    const { pen } = this;
    pen.fillStyle = scene.palette.muted;
    pen.textAlign = "center";
    pen.fillText("No event yet", scene.left + scene.room / 2, this.spec.height / 2);
  }

  frameOf(scene) {
    const { pen } = this;
    pen.save();
    pen.beginPath();
    pen.rect(scene.left, 0, scene.room, this.spec.height);
    pen.clip();
  }
}

export class LinesPanel extends Panel {
  makeLegend() {
    const { lines, band, marks } = this.spec;
    for (const line of lines) this.entries.push([line.column, this.entry(line.label, line.colour)]);
    if (band) this.entry(band.label, "band", "box");
    if (marks) this.entry(marks.label, "naive", "dot");
  }

  get columns() {
    const { lines, band } = this.spec;
    return [...lines.map((line) => line.column), ...(band ? [band.from, band.to] : [])];
  }

  draw(scene) {
    const pen = this.begin(scene);
    const { store, first, last, x } = scene;
    const { lines, band, marks } = this.spec;
    const rings = new Map(this.columns.map((name) => [name, store.columns.get(name)]));
    let low = Infinity, high = -Infinity;
    const ahead = this.spec.ahead && scene.end >= (store.ahead?.step ?? Infinity) ? store.ahead : null;
    for (const value of ahead ? [...ahead.values, ...ahead.lower, ...ahead.upper] : [])
      if (value !== null) [low, high] = [Math.min(low, value), Math.max(high, value)];
    for (const ring of rings.values())
      for (let n = first; ring && n <= last; n++) {
        const value = ring[n % store.capacity];
        if (value < low) low = value;
        if (value > high) high = value;
      }
    if (low > high) [low, high] = [0, 1];
    const margin = 0.06 * (high - low) || Math.abs(high) * 0.1 || 1;
    const y = this.scale(scene, low - margin, high + margin);
    if (!store.next) this.sayNothing(scene);
    this.frameOf(scene);
    const at = (name) => {
      const ring = rings.get(name) ?? store.columns.get(name);
      return (n) => ring?.[n % store.capacity] ?? NaN;
    };
    if (band) {
      pen.fillStyle = scene.palette.band;
      area(pen, first, last, at(band.from), at(band.to), x, y);
      pen.strokeStyle = scene.palette.edge;
      pen.lineWidth = 0.75;
      for (const name of [band.from, band.to])
        path(pen, { from: first, to: last, at: at(name) }, x, y, scene.room);
    }
    if (ahead) this.drawAhead(scene, ahead, y);
    pen.lineCap = "round";
    for (const line of lines) {
      pen.strokeStyle = scene.palette[line.colour] ?? line.colour;
      pen.lineWidth = line.width;
      path(pen, { from: first, to: last, at: at(line.column) }, x, y, scene.room);
    }
    if (marks) {
      const [where, on] = [at(marks.where), at(marks.on)];
      pen.fillStyle = scene.palette.naive;
      for (let n = first; n <= last; n++)
        if (where(n) > 0) {
          pen.beginPath();
          pen.arc(x(n), y(on(n)), 4, 0, 7);
          pen.fill();
        }
    }
    drawDrifts(pen, scene, this.spec.height);
    pen.restore();
  }

  // What is forecast of the steps to come: a dashed line that goes on from the last value known.
  drawAhead(scene, { step, values, lower, upper }, y) {
    const { pen } = this;
    const at = (list) => (n) => list[n - step] ?? NaN;
    const [from, to] = [step, step + values.length - 1];
    pen.fillStyle = scene.palette.band;
    area(pen, from, to, at(lower), at(upper), scene.x, y);
    pen.strokeStyle = scene.palette.model;
    pen.lineWidth = 1.6;
    pen.setLineDash([4, 3]);
    path(pen, { from, to, at: at(values) }, scene.x, y, scene.room);
    pen.setLineDash([]);
  }

  values(store, step) {
    const { lines, band } = this.spec;
    const told = lines.map(({ column, label }) => [label, written(store.value(column, step))]);
    const [low, high] = band ? [store.value(band.from, step), store.value(band.to, step)] : [NaN];
    if (!Number.isNaN(low)) told.push([band.label, `${written(low)} to ${written(high)}`]);
    return told;
  }

  tell(store, step) {
    for (const [column, node] of this.entries) say(node, written(store.value(column, step)));
    const told = this.values(store, step).map((pair) => pair.join(" "));
    this.canvas.setAttribute("aria-label", `${this.spec.title}. ${told.join(", ")}.`);
  }
}

function drawDrifts(pen, scene, height) {
  const { store, x } = scene;
  pen.strokeStyle = scene.palette.naive;
  pen.lineWidth = 1.5;
  pen.setLineDash([5, 4]);
  pen.beginPath();
  for (const step of store.drifts) {
    if (step < scene.start || step > scene.end) continue;
    pen.moveTo(x(step), 0);
    pen.lineTo(x(step), height);
  }
  pen.stroke();
  pen.setLineDash([]);
}

// Probabilities as an image of one column an event; above them the true class.
export class ClassesPanel extends Panel {
  makeLegend() {
    this.image = document.createElement("canvas");
    this.named = 0;
    this.legend.setAttribute("role", "group");
    this.legend.setAttribute("aria-label", "Classes");
  }

  name(store, palette) {
    const { classes } = store;
    if (this.named === classes.length) return;
    this.named = classes.length;
    const many = classes.length > FEW;
    this.element.classList.toggle("lw-many", many);
    if (many) this.legend.tabIndex = 0; // it may scroll
    this.legend.replaceChildren();
    classes.slice(0, CLASS_COLOURS.length).forEach((name, n) => this.entry(name, classColour(n), "box"));
    if (classes.length > CLASS_COLOURS.length) this.entry("others", OTHER_CLASSES, "box");
    this.colourLegend(palette);
  }

  draw(scene) {
    const { store, first, last } = scene;
    this.name(store, scene.palette);
    const pen = this.begin(scene);
    const texts = [0, 25, 50, 75, 100].map((share) => [share / 100, `${share} %`]);
    const y = this.scale(scene, 0, 1.12, { texts });
    if (last < first) return this.sayNothing(scene);
    const colours = (this.pixels ??= [...CLASS_COLOURS, OTHER_CLASSES].map(asPixel));
    const rows = 100, strip = 12, height = rows + strip;
    const { pick, count } = thinned(first, last, scene.room * this.ratio);
    const rings = store.classes.map((_, n) => store.columns.get(`p${n}`));
    const truth = store.columns.get("truth");
    const [data, show] = pixels(this.image, count, height);
    for (let k = 0; k < count; k++) {
      const place = pick(k) % store.capacity;
      let sum = 0, row = 0;
      rings.forEach((ring, n) => {
        sum += ring[place] || 0;
        const end = Math.min(rows, Math.round(sum * rows));
        for (; row < end; row++) data[(height - 1 - row) * count + k] = colours[Math.min(n, 21)];
      });
      const known = truth[place];
      for (let up = 0; up < strip - 4 && !Number.isNaN(known); up++)
        data[up * count + k] = colours[Math.min(known, 21)];
    }
    show();
    this.frameOf(scene);
    pen.imageSmoothingEnabled = false;
    const left = scene.x(first - 0.5);
    pen.drawImage(this.image, left, y(1.12), scene.x(last + 0.5) - left, y(0) - y(1.12));
    drawDrifts(pen, scene, this.spec.height);
    pen.restore();
  }

  values(store, step) {
    const shares = store.classes.map((name, n) => [name, store.value(`p${n}`, step) || 0]);
    shares.sort((one, other) => other[1] - one[1]);
    const truth = store.value("truth", step);
    const best = shares.slice(0, 3).filter(([, share]) => share > 0);
    return [
      ["true class", Number.isNaN(truth) ? "unknown" : store.classes[truth]],
      ...best.map(([name, share]) => [name, `${(100 * share).toFixed(1)} %`]),
    ];
  }

  tell(store, step) {
    const told = this.values(store, step).map((pair) => pair.join(" "));
    this.canvas.setAttribute("aria-label", `${this.spec.title}. ${told.join(", ")}.`);
  }
}

const asPixel = (hex) => {
  const [red, green, blue] = [1, 3, 5].map((n) => parseInt(hex.slice(n, n + 2), 16));
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
};

// Which steps the columns of an image show: all, or where pixels are fewer one a pixel.
function thinned(first, last, room) {
  const all = last - first + 1;
  const count = Math.max(1, Math.min(all, Math.floor(room)));
  return { count, pick: (k) => first + Math.floor(((k + 0.5) * all) / count) };
}

// The pixels of an image of a size, transparent, and a call that shows them.
function pixels(canvas, width, height) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(width, height);
  return [new Uint32Array(image.data.buffer), () => pen.putImageData(image, 0, 0)];
}

export class HeatmapPanel extends Panel {
  makeLegend() {
    const { signed } = this.spec;
    this.image = document.createElement("canvas");
    this.rows = null; // [from, to] of the rows in view; null: all
    this.low = element(this.legend, "b", { text: signed ? "−1" : "0" });
    const ramp = element(this.legend, "span", { class: "lw-ramp", "aria-hidden": "true" });
    ramp.style.background = signed ? gradient(diverging, -1) : gradient(sequential, 0);
    this.high = element(this.legend, "b", { text: signed ? "+1" : "1" });
  }

  seen(store) {
    const all = store.shown.length;
    const [from, to] = this.rows ?? [0, all];
    return from < to && to <= all ? [from, to] : [0, all];
  }

  draw(scene) {
    const { store } = scene;
    const pen = this.begin(scene);
    const first = Math.max(scene.first, store.unitsFrom), { last } = scene;
    const [from, to] = this.seen(store);
    const height = this.spec.height;
    pen.fillStyle = scene.palette.muted;
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    const units = to - from;
    if (units)
      pen.fillText(`${units} unit${units > 1 ? "s" : ""}`, scene.left - 8, height / 2, scene.left - 10);
    if (last >= first && store.units) {
      const { pick, count } = thinned(first, last, scene.room * this.ratio);
      if (this.spec.signed && !this.reach) this.findReach(store);
      const reach = this.spec.signed ? this.reach : 1;
      const [data, show] = pixels(this.image, count, to - from);
      this.fill(data, store, pick, count, from, to, reach);
      show();
      this.frameOf(scene);
      pen.imageSmoothingEnabled = to - from > 2 * height * this.ratio;
      const left = scene.x(first - 0.5);
      pen.drawImage(this.image, left, 0, scene.x(last + 0.5) - left, height);
      pen.restore();
    }
    pen.lineWidth = 1;
    pen.strokeStyle = scene.palette.frame;
    pen.strokeRect(scene.left + 0.5, 0.5, scene.room - 1, height - 1);
  }

  fill(data, store, pick, count, from, to, reach) {
    const { signed, id } = this.spec;
    const [colours, factor, shift] = signed
      ? [DIVERGING_PIXELS, 127.5 / reach, 127.5]
      : [SEQUENTIAL_PIXELS, 255, 0];
    const { units } = store;
    for (let k = 0; k < count; k++) {
      const place = store.place(id, pick(k));
      for (let row = from; row < to; row++) {
        const value = units[place + row] * factor + shift;
        if (value === value)
          data[(to - 1 - row) * count + k] = colours[value < 0 ? 0 : value > 255 ? 255 : value | 0];
      }
    }
  }

  // Nearly the farthest value from zero in view: one that stands alone does not make all others pale.
  findReach(store) {
    const { units, shown } = store;
    const first = Math.max(store.first, store.unitsFrom);
    const every = Math.max(1, Math.floor((store.next - first) / 300));
    const sizes = [];
    for (let step = first; step < store.next; step += every) {
      const place = store.place(this.spec.id, step);
      for (let row = 0; row < shown.length; row++) sizes.push(Math.abs(units[place + row]));
    }
    const known = Float32Array.from(sizes.filter((size) => size === size)).sort();
    const most = known[Math.floor(0.99 * (known.length - 1))] || 1;
    const old = this.reach ?? 0;
    if (most > old || most < 0.7 * old) this.reach = 1.1 * most; // it wavers little
  }

  rowAt(store, offset) {
    const [from, to] = this.seen(store);
    return to - 1 - Math.floor((offset / this.spec.height) * (to - from));
  }

  unitValues(store, step, row) {
    const value = store.unit(this.spec.id, step, row);
    return [[`unit ${store.shown[row]}`, written(value)]];
  }

  values() {
    return [];
  }

  tell(store, step) {
    if (this.spec.signed && store.units) {
      this.findReach(store);
      say(this.low, `−${written(this.reach)}`);
      say(this.high, `+${written(this.reach)}`);
    }
    const rows = store.shown.map((_, row) => store.unit(this.spec.id, step, row));
    const known = rows.filter((value) => !Number.isNaN(value));
    const mean = known.reduce((sum, value) => sum + value, 0) / known.length;
    const told = known.length
      ? `mean ${written(mean)}, from ${written(Math.min(...known))} to ${written(Math.max(...known))}`
      : "nothing yet";
    this.canvas.setAttribute(
      "aria-label", `${this.spec.title}. ${known.length} units at the last event: ${told}.`,
    );
  }
}

// The metric over the whole run, on an axis of its own.
export class CurvePanel extends Panel {
  makeLegend() {
    this.entries = [this.entry("model", "model"), this.entry(this.spec.naive, "naive")];
  }

  // Steps, what the model scored up to each, and what the naive forecast did.
  columns({ curve }) {
    const first = 1 + 2 * this.spec.place;
    return [curve[0] ?? [], curve[first] ?? [], curve[first + 1] ?? []];
  }

  draw(scene) {
    const pen = this.begin(scene);
    const [steps, ...lines] = this.columns(scene.store);
    let low = Infinity, high = -Infinity;
    for (const line of lines)
      for (const value of line) {
        if (value < low) low = value;
        if (value > high) high = value;
      }
    if (low > high) [low, high] = [0, 1];
    const margin = 0.06 * (high - low) || Math.abs(high) * 0.1 || 1;
    const y = this.scale(scene, low - margin, high + margin, { bottom: 20 });
    const last = Math.max(1, steps.at(-1) ?? 1);
    const x = (step) => scene.left + (scene.room * step) / last;
    if (steps.length) this.axis(scene, x, last);
    this.frameOf(scene);
    for (const [name, width, line] of [["naive", 1.5, lines[1]], ["model", 1.8, lines[0]]]) {
      pen.strokeStyle = scene.palette[name];
      pen.lineWidth = width;
      const points = { from: 0, to: steps.length - 1, at: (n) => line[n] };
      path(pen, points, (n) => x(steps[n] ?? last), y, steps.length);
    }
    pen.restore();
  }

  axis(scene, x, last) {
    const { pen } = this;
    pen.fillStyle = scene.palette.muted;
    pen.textAlign = "center";
    const ticks = numberTicks(0, last, scene.room / 110).filter(([n]) => Number.isInteger(n));
    for (const [step, text] of ticks) {
      const half = pen.measureText(text).width / 2;
      const at = Math.min(scene.left + scene.room - half, x(step));
      pen.fillText(text, at, this.spec.height - 9);
    }
  }

  values() {
    return [];
  }

  tell(store) {
    const [, model, naive] = this.columns(store).map((column) => written(column.at(-1)));
    say(this.entries[0], model);
    say(this.entries[1], naive);
    const told = `model ${model}, ${this.spec.naive} ${naive}`;
    this.canvas.setAttribute("aria-label", `${this.spec.title}. ${told}.`);
  }
}

// The error of each step ahead: the first is the next event's.
export class HorizonsPanel extends CurvePanel {
  columns({ ahead }) {
    const { model, naive } = ahead ?? { model: [], naive: [] };
    const numbers = (list) => list.map((value) => value ?? NaN);
    return [model.map((_, n) => n + 1), numbers(model), numbers(naive)];
  }
}

export const PANELS = {
  lines: LinesPanel, classes: ClassesPanel, heatmap: HeatmapPanel, curve: CurvePanel,
  horizons: HorizonsPanel,
};
