// A quantity of a layer's units over the events.

import { DIVERGING_PIXELS, gradient, diverging, sequential, SEQUENTIAL_PIXELS } from "./colors.js";
import { element, pixels, say, thinned } from "./drawing.js";
import { Panel } from "./panel.js";
import { written } from "./ticks.js";

const LOOKED_AT = 3; // events for each column of pixels

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
      const columns = thinned(first, last, scene.room * this.ratio);
      if (this.spec.signed && !this.reach) this.findReach(store);
      const reach = this.spec.signed ? this.scaleTo : 1;
      const [data, show] = pixels(this.image, columns.count, to - from);
      this.fill(data, store, columns, from, to, reach);
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

  fill(data, store, columns, from, to, reach) {
    const { signed, id } = this.spec;
    const [colours, factor, shift] = signed
      ? [DIVERGING_PIXELS, 127.5 / reach, 127.5]
      : [SEQUENTIAL_PIXELS, 255, 0];
    const { units } = store;
    const { all, count, pick } = columns;
    for (let k = 0; k < count; k++) {
      const place = store.place(id, pick(k));
      if (all > count) this.findFarthest(store, columns.span(k), from, to);
      for (let row = from; row < to; row++) {
        const value = (all > count ? this.farthest[row] : units[place + row]) * factor + shift;
        if (value === value)
          data[(to - 1 - row) * count + k] = colours[value < 0 ? 0 : value > 255 ? 255 : value | 0];
      }
    }
  }

  // Where several events share a column, it shows of each unit the value that stands out most; of a
  // picture that moves only some events are looked at, so that its cost depends on pixels.
  findFarthest(store, [first, end], from, to) {
    const middle = this.spec.signed ? 0 : 0.5;
    const rows = store.shown.length;
    if (this.farthest?.length !== rows) this.farthest = new Float32Array(rows);
    const every = this.chart.moving ? Math.ceil((end - first) / LOOKED_AT) : 1;
    this.farthest.fill(NaN);
    for (let step = first; step < end; step += every) {
      const place = store.place(this.spec.id, step);
      for (let row = from; row < to; row++) {
        const value = store.units[place + row];
        const known = this.farthest[row];
        const nearer = Math.abs(value - middle) <= Math.abs(known - middle);
        if (value === value && !nearer) this.farthest[row] = value;
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
    if (most <= old && most >= 0.7 * old) return; // it wavers little
    this.reach = 1.1 * most;
    this.chart.beside?.refresh();
  }

  // Where colours end: those of a run that is compared with this one end there, too.
  get scaleTo() {
    const other = this.chart.beside?.panels.find(({ spec }) => spec.id === this.spec.id);
    return Math.max(this.reach, other?.reach ?? 0);
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
      say(this.low, `−${written(this.scaleTo)}`);
      say(this.high, `+${written(this.scaleTo)}`);
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
