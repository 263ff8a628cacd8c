// The panels of a layer's units: heatmaps with rows, pins and a box; lines of the units pinned.

import { element, path } from "../live/drawing.js";
import { HeatmapPanel } from "../live/heatmap_panel.js";
import { Panel } from "../live/panel.js";
import { PANELS } from "../live/panels.js";
import { written } from "../live/ticks.js";

// Of Okabe & Ito (2008), darker or lighter: lines at 3 : 1.
export const PINS = {
  light: ["#c65200", "#0072b2", "#007f5c", "#a8487f", "#8a6100", "#50545a"],
  dark: ["#ff9147", "#67bdf5", "#2fc79a", "#e6a2c8", "#f0c23c", "#c5cad0"],
};
export const LEGIBLE = 13; // pixels of a row from which on its unit's number is written

// Which units are pinned, in colours that stay with them, and where the box and the pointer are.
export class Marks {
  constructor() {
    this.slots = new Map(); // unit -> number of its colour
    this.box = null; // {first, last, low, high}: steps and rows, both ends in it
    this.row = null;
  }

  get pinned() {
    return [...this.slots.keys()];
  }

  pin(units) {
    const taken = new Map(units.map((unit) => [unit, this.slots.get(unit)]));
    const used = new Set(taken.values());
    for (const [unit, slot] of taken) {
      if (slot !== undefined) continue;
      let free = 0;
      while (used.has(free)) free++;
      used.add(free);
      taken.set(unit, free);
    }
    this.slots = taken;
  }

  colour(unit, dark) {
    return PINS[dark ? "dark" : "light"][this.slots.get(unit) % PINS.light.length];
  }
}

export class UnitsPanel extends HeatmapPanel {
  makeLegend() {
    super.makeLegend();
    this.makeOver();
  }

  makeOver() {
    const plot = element(null, "div", { class: "lw-plot" });
    this.canvas.replaceWith(plot);
    plot.append(this.canvas);
    this.over = element(plot, "div", { class: "lw-over", "aria-hidden": "true" });
    this.level = element(this.over, "div", { class: "lw-level", hidden: "" });
    this.box = element(this.over, "div", { class: "lw-veiled", hidden: "" });
  }

  draw(scene) {
    super.draw(scene);
    const { pen } = this;
    const { store } = scene;
    const [from, to] = this.seen(store);
    const high = this.spec.height / Math.max(1, to - from);
    const y = (row) => this.spec.height - (row - from) * high; // where a row begins, below
    this.hatch(scene);
    pen.clearRect(0, 0, scene.left - 1, this.spec.height);
    pen.fillStyle = scene.palette.muted;
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    if (high >= LEGIBLE)
      for (let row = from; row < to; row++)
        pen.fillText(store.shown[row], scene.left - 12, y(row + 0.5), scene.left - 14);
    else pen.fillText(`${to - from} units`, scene.left - 12, this.spec.height / 2, scene.left - 14);
    const { marks, dark } = this.chart;
    for (const unit of marks.pinned) {
      const row = store.shown.indexOf(unit);
      if (row < from || row >= to) continue;
      const tall = Math.max(3, high);
      pen.fillStyle = marks.colour(unit, dark);
      pen.fillRect(scene.left - 8, y(row + 0.5) - tall / 2, 6, tall);
    }
    pen.strokeStyle = "rgb(0 0 0 / 55%)"; // on the colours, which are the same in the dark
    pen.beginPath();
    for (const row of store.borders) {
      if (row <= from || row >= to) continue;
      const at = Math.round(y(row)) + 0.5;
      pen.moveTo(scene.left, at);
      pen.lineTo(scene.left + scene.room, at);
    }
    pen.stroke();
    this.mark(scene);
  }

  // Where values are missing a hatching is seen through: white would be a zero.
  hatch(scene) {
    const { pen } = this;
    const { first, last, x, store } = scene;
    if (last < first || !store.size) return;
    this.pattern ??= hatching();
    pen.save();
    pen.globalCompositeOperation = "destination-over";
    pen.fillStyle = pen.createPattern(this.pattern, "repeat");
    pen.fillRect(x(first - 0.5), 0, x(last + 0.5) - x(first - 0.5), this.spec.height);
    pen.restore();
  }

  // The row under the pointer, and the box: elements over the picture, which is not drawn again.
  mark(scene = this.chart.scene) {
    if (!scene || this.folded) return;
    const { marks, store } = this.chart;
    const [from, to] = this.seen(store);
    const high = this.spec.height / Math.max(1, to - from);
    Object.assign(this.over.style, { left: `${scene.left}px`, width: `${scene.room}px` });
    const place = (node, low, up, style = {}) => {
      const top = this.spec.height - (up + 1 - from) * high;
      Object.assign(node.style, { top: `${top}px`, height: `${(up + 1 - low) * high}px`, ...style });
    };
    const { row, box } = marks;
    this.level.hidden = row === null || row < from || row >= to;
    if (!this.level.hidden) place(this.level, row, row);
    this.box.hidden = box === null;
    if (!box) return;
    const left = scene.x(box.first - 0.5) - scene.left;
    const wide = scene.x(box.last + 0.5) - scene.left - left;
    place(this.box, box.low, box.high, { left: `${left}px`, width: `${wide}px` });
  }
}

function hatching() {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 8;
  const pen = canvas.getContext("2d");
  pen.strokeStyle = "rgb(128 128 128 / 60%)";
  pen.beginPath();
  for (const by of [-8, 0, 8]) {
    pen.moveTo(by, 8);
    pen.lineTo(by + 8, 0);
  }
  pen.stroke();
  return canvas;
}

export class PinnedPanel extends Panel {
  get units() {
    return this.chart.marks?.pinned ?? [];
  }

  // Whoever is pinned has an entry, which is a button that takes it out.
  list() {
    const { legend, units } = this;
    this.element.hidden = !units.length;
    const key = `${units.join()} ${this.chart.dark}`;
    if (key === this.listed) return;
    this.listed = key;
    legend.replaceChildren();
    this.entries = units.map((unit) => {
      const label = `Take unit ${unit} out`;
      const entry = element(legend, "button", { type: "button", class: "lw-entry lw-pin", title: label }, {
        click: () => this.chart.onPin(unit),
      });
      const swatch = element(entry, "span", { class: "lw-swatch lw-line", "aria-hidden": "true" });
      swatch.style.setProperty("--lw-colour", this.chart.marks.colour(unit, this.chart.dark));
      element(entry, "span", { text: `unit ${unit}` });
      const value = element(entry, "b");
      element(entry, "span", { text: "✕", "aria-hidden": "true" });
      return [unit, value];
    });
  }

  value(map, store, step, unit) {
    const place = store.sent.indexOf(unit);
    return place < 0 ? NaN : store.unit(map, step, place);
  }

  draw(scene) {
    this.list();
    if (!this.units.length) return;
    const { store, first, last, x } = scene;
    const pen = this.begin(scene);
    const at = (map, unit) => (step) => this.value(map, store, step, unit);
    const lines = this.units.flatMap((unit) => [
      [unit, at("cell", unit), []],
      [unit, at("hidden", unit), [5, 4]],
    ]);
    let low = Infinity, high = -Infinity;
    for (const [, value] of lines)
      for (let step = first; step <= last; step++) {
        const here = value(step);
        if (here < low) low = here;
        if (here > high) high = here;
      }
    if (low > high) [low, high] = [-1, 1];
    const margin = 0.08 * (high - low) || 0.1;
    const y = this.scale(scene, low - margin, high + margin);
    this.frameOf(scene);
    for (const [unit, value, dash] of lines) {
      pen.strokeStyle = this.chart.marks.colour(unit, this.chart.dark);
      pen.lineWidth = 1.7;
      pen.setLineDash(dash);
      path(pen, { from: first, to: last, at: value }, x, y, scene.room);
    }
    pen.restore();
  }

  values(store, step) {
    return this.units.map((unit) => [`unit ${unit}: c, h`, this.both(store, step, unit).join(", ")]);
  }

  both(store, step, unit) {
    return ["cell", "hidden"].map((map) => written(this.value(map, store, step, unit)));
  }

  tell(store, step) {
    this.list();
    for (const [unit, node] of this.entries) {
      const [text] = this.both(store, step, unit);
      if (node.textContent !== text) node.textContent = text;
    }
    const told = this.values(store, step).map((pair) => pair.join(" "));
    this.canvas.setAttribute("aria-label", `${this.spec.title}. ${told.join("; ")}.`);
  }
}

Object.assign(PANELS, { units: UnitsPanel, pinned: PinnedPanel });
