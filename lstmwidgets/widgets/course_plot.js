// The panels of a training below each other, over one axis, with a pointer through all of them.

import { element, penOf } from "../live/drawing.js";
import { eventTicks } from "../live/ticks.js";
import { CoursePanel } from "./course_panel.js";
import { PLOT_LEFT, PLOT_RIGHT, PointedPlot } from "./pointed_plot.js";

const COURSE_AXIS = 36;
const COURSE_HEAD = 20; // above a panel's canvas

// What a frame says: a column of numbers each, of which rows are epochs or stretches of events.
export class CourseStore {
  constructor() {
    Object.assign(this, {
      unit: "epoch", count: 0, columns: {}, batches: {}, panels: [], changes: [], best: null, overfitsFrom: null,
    });
  }

  take(header, [table, batches]) {
    const { columns, count, ...more } = header;
    Object.assign(this, more, { count });
    const numbers = (view) =>
      new Float64Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
    const all = numbers(table);
    this.columns = Object.fromEntries(
      columns.map((name, n) => [name, all.subarray(n * count, (n + 1) * count)]));
    const each = numbers(batches);
    const size = each.length / 3;
    this.batches = Object.fromEntries(["position", "loss", "gradient_norm"].map((name, n) =>
      [name, each.subarray(n * size, (n + 1) * size)]));
  }

  at(column, row) {
    return this.columns[column]?.[row] ?? NaN;
  }

  // The epoch, or the last event, of a row; and the row that is nearest to one.
  number(row) {
    return this.at(this.unit, row);
  }

  rowOf(number) {
    let nearest = 0;
    for (let row = 1; row < this.count; row++)
      if (Math.abs(this.number(row) - number) < Math.abs(this.number(nearest) - number)) nearest = row;
    return nearest;
  }
}

export class CoursePlot extends PointedPlot {
  // options: {store, palette(), end(): where the axis ends}
  constructor(parent, options) {
    super(parent, { class: "lw-chart lw-course" }, options);
    this.panels = [];
    this.body = element(this.root, "div");
    this.axis = element(this.root, "canvas", { class: "lw-axis", "aria-hidden": "true" });
  }

  draw(width) {
    const { store } = this;
    this.makePanels();
    const room = width - PLOT_LEFT - PLOT_RIGHT;
    const end = this.end();
    this.scene = {
      store, width, room, end, left: PLOT_LEFT, palette: this.palette(), font: this.font,
      x: (position) => PLOT_LEFT + (room * position) / end,
    };
    for (const panel of this.panels) panel.draw(this.scene);
    this.drawAxis();
    Object.assign(this.scene, { top: COURSE_HEAD, bottom: this.body.offsetHeight });
    this.root.setAttribute("aria-label",
      `How the training goes, over ${store.unit}s. Arrow keys go through the ${store.unit}s.`);
    this.point(this.at === null || !store.count ? null : Math.min(this.at, store.count - 1));
  }

  makePanels() {
    const key = JSON.stringify(this.store.panels);
    if (key === this.key) return;
    this.key = key;
    this.body.replaceChildren();
    this.panels = this.store.panels.map((spec) => new CoursePanel(this.body, spec));
  }

  drawAxis() {
    const { width, palette, font, x, end, room } = this.scene;
    const pen = penOf(this.axis, width, COURSE_AXIS, font);
    pen.fillStyle = palette.muted;
    pen.strokeStyle = palette.frame;
    pen.textAlign = "center";
    pen.textBaseline = "top";
    pen.beginPath();
    for (const [number, text] of eventTicks(0, end, Math.min(end, room / 70))) {
      if (number === 0) continue;
      const half = pen.measureText(text).width / 2;
      pen.moveTo(x(number), 0);
      pen.lineTo(x(number), 4);
      pen.fillText(text, Math.min(width - half - 2, x(number)), 6);
    }
    pen.stroke();
    pen.fillText(this.store.unit, PLOT_LEFT + room / 2, 21);
  }

  // What legends and readers of screens are told: the row under the pointer, or the last one.
  tell() {
    const row = this.at ?? this.store.count - 1;
    for (const panel of this.panels) panel.tell(this.store, row);
  }

  placeOf(share) {
    return this.store.count ? this.store.rowOf(this.scene.end * share) : null;
  }

  across(row) {
    return this.scene.x(this.store.number(row));
  }

  told(tip, row) {
    const { store } = this;
    const number = store.number(row);
    const notes = [];
    if (store.best === number) notes.push("the best so far");
    if (store.overfitsFrom && number >= store.overfitsFrom) notes.push("overfitting");
    const palette = this.palette();
    const rows = this.panels.flatMap((panel) =>
      panel.told(store, row).map(([label, text, line]) => [
        this.named(panel, label), text, { colour: palette[line.colour] ?? line.colour, dashed: line.is_dashed },
      ]));
    tip.tell([`${store.unit} ${number.toLocaleString("en")}`, ...notes].join(", "), rows);
    const before = row ? store.number(row - 1) : 0;
    for (const change of store.changes)
      if (change.position >= before && change.position < number) tip.add(`changed: ${change.text}`);
  }

  named({ spec }, label) {
    const first = spec.title.split(":")[0].toLowerCase();
    if (spec.lines.length === 1) return first;
    return spec.id === "gates" ? `gate ${label}` : `${first}, ${label}`;
  }

  goal(key) {
    const { count } = this.store;
    const from = this.at ?? count;
    const to = {
      ArrowLeft: from - 1, ArrowRight: from + 1, PageUp: from - 10, PageDown: from + 10,
      Home: 0, End: count - 1,
    }[key];
    return count && to !== undefined ? Math.min(count - 1, Math.max(0, to)) : undefined;
  }
}
