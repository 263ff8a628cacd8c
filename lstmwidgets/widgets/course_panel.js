// A panel of a training's picture: lines over epochs or events, on a canvas of its own.

import { area, element, path, penOf, say } from "../live/drawing.js";
import { numberTicks, written } from "../live/ticks.js";

const COURSE_HEIGHTS = { loss: 190, score: 120, norm: 110, lr: 84, gates: 130, dead: 76 };
const LEAST_SHARE = 0.1; // the axis of shares goes up to this at least
const OUTSIDE = 0.04; // share of batches that may lie beyond the frame, above and below

const percent = (share) => {
  const value = 100 * share;
  return Number.isNaN(value) ? "–" : `${value >= 9.95 || value === 0 ? Math.round(value) : value.toFixed(1)} %`;
};

export class CoursePanel {
  constructor(parent, spec) {
    this.spec = spec;
    this.height = COURSE_HEIGHTS[spec.id] ?? 110;
    this.root = element(parent, "section", { class: "lw-panel", "data-panel": spec.id });
    const head = element(this.root, "div", { class: "lw-head" });
    element(head, "b", { class: "lw-course-title", text: spec.title });
    const legend = element(head, "div", { class: "lw-legend" });
    this.entries = spec.lines.map((line) => {
      const entry = element(legend, "span", { class: "lw-entry" });
      const swatch = element(entry, "span", { class: "lw-swatch", "aria-hidden": "true" });
      swatch.classList.toggle("lw-dashes", line.is_dashed);
      if (spec.lines.length > 1) element(entry, "span", { class: "lw-label", text: line.label });
      return { line, swatch, value: element(entry, "b") };
    });
    this.canvas = element(this.root, "canvas", { class: "lw-canvas", role: "img" });
  }

  text(value) {
    return this.spec.scale === "share" ? percent(value) : written(value);
  }

  // What the lines are at a row, as [[label, text, line]].
  told(store, row) {
    return this.spec.lines.map((line) => [line.label, this.text(store.at(line.column, row)), line]);
  }

  tell(store, row) {
    const told = this.told(store, row);
    this.entries.forEach(({ value }, n) => say(value, told[n][1]));
    const words = told.map(([label, text]) => `${label} ${text}`).join(", ");
    const where = store.count ? ` at ${store.unit} ${store.number(row).toLocaleString("en")}` : "";
    this.canvas.setAttribute("aria-label", `${this.spec.title}: ${words}${where}.`);
  }

  draw(scene) {
    const { height, spec } = this;
    const { store, palette, left, room } = scene;
    const pen = (this.pen = penOf(this.canvas, scene.width, height, scene.font));
    for (const { line, swatch } of this.entries)
      swatch.style.setProperty("--lw-colour", palette[line.colour] ?? line.colour);
    const [low, high] = this.extent(store);
    const isLog = spec.scale === "log";
    const scaled = isLog ? Math.log10 : Number;
    const [bottom, top] = [height - 5, 6];
    const y = (value) => bottom - ((bottom - top) * (scaled(value) - scaled(low))) / (scaled(high) - scaled(low));
    this.grid(scene, low, high, y);
    pen.save();
    pen.beginPath();
    pen.rect(left, 0, room + 8, height);
    pen.clip();
    this.marks(scene);
    if (spec.batches) this.batches(scene, y, low);
    if (spec.id === "loss") this.shade(scene, y);
    const isLimited = spec.limit !== null && spec.limit > low && spec.limit < high;
    if (isLimited) this.limit(scene, y);
    for (const line of spec.lines) {
      pen.strokeStyle = palette[line.colour] ?? line.colour;
      pen.lineWidth = 2;
      pen.setLineDash(line.is_dashed ? [5, 4] : []);
      const at = (n) => {
        const value = store.at(line.column, n);
        return isLog && !(value > 0) ? NaN : value;
      };
      path(pen, { from: 0, to: store.count - 1, at }, (n) => scene.x(store.number(n)), y, room);
    }
    pen.setLineDash([]);
    if (isLimited) this.write("clipped above", left + room - 2, y(spec.limit) - 9, "right", palette.muted);
    if (spec.id === "loss") {
      this.best(scene);
      this.nameShade(scene, y);
    }
    pen.restore();
  }

  // From the lowest to the highest value, the few farthest batches left out.
  extent(store) {
    const { spec } = this;
    const values = [];
    for (const { column } of spec.lines)
      for (const value of store.columns[column] ?? []) if (Number.isFinite(value)) values.push(value);
    if (spec.scale === "share") return [0, Math.min(1.02, Math.max(LEAST_SHARE, 1.1 * Math.max(0, ...values)))];
    if (spec.batches) {
      const sorted = [...(store.batches[spec.batches] ?? [])].filter(Number.isFinite).sort((a, b) => a - b);
      const cut = Math.floor(OUTSIDE * sorted.length);
      if (sorted.length) values.push(sorted[cut], sorted[sorted.length - 1 - cut]);
    }
    const usable = spec.scale === "log" ? values.filter((value) => value > 0) : values;
    if (!usable.length) return spec.scale === "log" ? [0.1, 10] : [0, 1];
    let [low, high] = [Math.min(...usable), Math.max(...usable)];
    if (spec.scale === "log") return high / low < 2 ? [low / 1.6, high * 1.6] : [low / 1.15, high * 1.15];
    const margin = 0.06 * (high - low) || Math.abs(high) * 0.1 || 1;
    return [low - margin, high + margin];
  }

  grid({ left, room, palette }, low, high, y) {
    const { pen, height, spec } = this;
    const most = Math.max(2, height / 30);
    const ticks =
      spec.scale === "log"
        ? logTicks(low, high, most)
        : numberTicks(low, high, most).map(([value, text]) =>
            [value, spec.scale === "share" ? `${Math.round(1000 * value) / 10} %` : text]);
    pen.lineWidth = 1;
    pen.strokeStyle = palette.grid;
    pen.fillStyle = palette.muted;
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    pen.beginPath();
    for (const [value, text] of ticks) {
      const at = Math.round(y(value)) + 0.5;
      pen.moveTo(left, at);
      pen.lineTo(left + room, at);
      pen.fillText(text, left - 8, Math.min(height - 7, Math.max(7, at)), left - 10);
    }
    pen.stroke();
  }

  // The gap between the losses, from the best epoch on where it overfits afterwards.
  shade({ store, palette, x }, y) {
    const { pen } = this;
    if (!store.overfitsFrom) return;
    const from = store.rowOf(store.overfitsFrom - 1);
    const at = (name) => (n) => store.at(name, n);
    pen.globalAlpha = 0.22;
    pen.fillStyle = palette.naive;
    const across = (n) => x(store.number(n));
    const above = (n) => Math.max(store.at("train_loss", n), store.at("validation_loss", n));
    area(pen, from, store.count - 1, at("train_loss"), above, across, y);
    pen.globalAlpha = 1;
  }

  // The word for the shade, where the gap is widest over the whole word.
  nameShade({ store, palette, x }, y) {
    const { pen } = this;
    if (!store.overfitsFrom) return;
    const from = store.rowOf(store.overfitsFrom - 1), last = store.count - 1;
    const across = (n) => x(store.number(n));
    const half = pen.measureText("overfitting").width / 2 + 4;
    const apart = Math.max(1e-9, (across(last) - across(from)) / (last - from));
    const reach = Math.ceil(half / apart); // rows beside the middle one that the word covers
    const gap = (n) => y(store.at("train_loss", n)) - y(store.at("validation_loss", n));
    let widest = null, room = 20;
    for (let n = from + reach; n <= last - reach; n += Math.max(1, Math.floor(reach / 4))) {
      let least = Infinity;
      for (let k = n - reach; k <= n + reach; k++) least = Math.min(least, gap(k));
      if (least > room) [widest, room] = [n, least];
    }
    if (widest === null) return;
    const middle = (y(store.at("train_loss", widest)) + y(store.at("validation_loss", widest))) / 2;
    this.write("overfitting", across(widest), middle, "center", palette.ink);
  }

  // Words over the lines, with a rim of the page's colour.
  write(text, x, y, align, colour) {
    const { pen } = this;
    pen.textAlign = align;
    pen.textBaseline = "middle";
    pen.strokeStyle = getComputedStyle(this.canvas).getPropertyValue("--lw-page");
    pen.lineWidth = 4;
    pen.globalAlpha = 0.8;
    pen.strokeText(text, x, y);
    pen.globalAlpha = 1;
    pen.fillStyle = colour;
    pen.fillText(text, x, y);
  }

  // The best epoch, and where somebody changed something.
  marks({ store, palette, x }) {
    const { pen, height } = this;
    const line = (position, dash) => {
      pen.setLineDash(dash);
      pen.beginPath();
      pen.moveTo(x(position), 0);
      pen.lineTo(x(position), height);
      pen.stroke();
    };
    pen.lineWidth = 1;
    pen.strokeStyle = palette.accent;
    for (const { position } of store.changes) line(position, [5, 4]);
    pen.strokeStyle = palette.muted;
    if (store.best !== null) line(store.best, [1, 3]);
    pen.setLineDash([]);
  }

  // The word beside the best epoch's mark, on the side where there is room.
  best({ store, palette, x, left, room }) {
    if (store.best === null) return;
    const isRight = x(store.best) > left + room - 40;
    this.write("best", x(store.best) + (isRight ? -5 : 5), 9, isRight ? "right" : "left", palette.muted);
  }

  batches({ store, palette, x, room }, y, low) {
    const { pen, spec } = this;
    const { position } = store.batches;
    const values = store.batches[spec.batches];
    if (!position?.length) return;
    pen.globalAlpha = 0.3;
    pen.strokeStyle = palette.model;
    pen.lineWidth = 1;
    const at = (n) => (spec.scale === "log" && !(values[n] > 0) ? low : values[n]);
    path(pen, { from: 0, to: position.length - 1, at }, (n) => x(position[Math.min(position.length - 1, Math.floor(n))]), y, room);
    pen.globalAlpha = 1;
  }

  limit({ palette, left, room }, y) {
    const { pen, spec } = this;
    const at = Math.round(y(spec.limit)) + 0.5;
    pen.strokeStyle = pen.fillStyle = palette.muted;
    pen.setLineDash([5, 4]);
    pen.lineWidth = 1;
    pen.beginPath();
    pen.moveTo(left, at);
    pen.lineTo(left + room, at);
    pen.stroke();
    pen.setLineDash([]);
  }
}

// 1, 2 and 5 times powers of ten, or these powers alone, as many as there is room for.
function logTicks(low, high, most) {
  const [from, to] = [Math.floor(Math.log10(low)), Math.ceil(Math.log10(high))];
  for (const [steps, every] of [[[1, 2, 5], 1], [[1, 3], 1], [[1], 1], [[1], 2], [[1], 3], [[1], 6]]) {
    const ticks = [];
    for (let power = from; power <= to; power++)
      for (const step of power % every ? [] : steps) {
        const value = step * 10 ** power;
        if (value >= low && value <= high) ticks.push([value, written(value)]);
      }
    if (ticks.length <= most + 1 && (ticks.length || every === 6)) return ticks;
  }
  return [];
}
