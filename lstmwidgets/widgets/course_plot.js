// The panels of a training below each other, over one axis, with a pointer through all of them.

import { element } from "../live/drawing.js";
import { eventTicks } from "../live/ticks.js";
import { CoursePanel } from "./course_panel.js";

const COURSE_LEFT = 58, COURSE_RIGHT = 16;
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

export class CoursePlot {
  // options: {store, palette(), end(): where the axis ends}
  constructor(parent, options) {
    Object.assign(this, options);
    this.row = null; // under the pointer
    this.panels = [];
    this.root = element(parent, "div", {
      class: "lw-chart lw-course", tabindex: "0", role: "group", "aria-roledescription": "chart",
    });
    this.body = element(this.root, "div");
    this.axis = element(this.root, "canvas", { class: "lw-axis", "aria-hidden": "true" });
    this.cross = element(this.root, "div", { class: "lw-cross", hidden: "" });
    this.tip = element(this.root, "div", { class: "lw-tip", role: "tooltip", hidden: "" });
    const listeners = {
      pointermove: (event) => this.point(this.rowAt(event), event),
      pointerleave: () => this.point(null),
      keydown: (event) => this.press(event),
      blur: () => this.point(null),
    };
    for (const [name, call] of Object.entries(listeners)) this.root.addEventListener(name, call);
    this.resized = new ResizeObserver(() => this.refresh());
    this.resized.observe(this.root);
  }

  close() {
    this.resized.disconnect();
    cancelAnimationFrame(this.frame);
  }

  refresh() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.draw());
  }

  draw() {
    const width = Math.floor(this.root.clientWidth);
    if (!width) return; // hidden for a moment
    const { store } = this;
    this.makePanels();
    const room = width - COURSE_LEFT - COURSE_RIGHT;
    const end = this.end();
    this.scene = {
      store, width, room, end, left: COURSE_LEFT, palette: this.palette(),
      ratio: globalThis.devicePixelRatio || 1,
      font: `12px ${getComputedStyle(this.root).fontFamily}`,
      x: (position) => COURSE_LEFT + (room * position) / end,
    };
    for (const panel of this.panels) panel.draw(this.scene);
    this.drawAxis();
    this.root.setAttribute("aria-label",
      `How the training goes, over ${store.unit}s. Arrow keys go through the ${store.unit}s.`);
    this.tell();
    if (this.row !== null) this.point(Math.min(this.row, store.count - 1));
  }

  makePanels() {
    const key = JSON.stringify(this.store.panels);
    if (key === this.key) return;
    this.key = key;
    this.body.replaceChildren();
    this.panels = this.store.panels.map((spec) => new CoursePanel(this.body, spec));
  }

  drawAxis() {
    const { axis } = this;
    const { width, ratio, palette, font, x, end, room } = this.scene;
    const pen = axis.getContext("2d");
    axis.width = Math.round(width * ratio);
    axis.height = Math.round(COURSE_AXIS * ratio);
    axis.style.height = `${COURSE_AXIS}px`;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.font = font;
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
    pen.fillText(this.store.unit, COURSE_LEFT + room / 2, 21);
  }

  // What legends and readers of screens are told: the row under the pointer, or the last one.
  tell() {
    const row = this.row ?? this.store.count - 1;
    for (const panel of this.panels) panel.tell(this.store, row);
  }

  rowAt(event) {
    if (!this.scene || !this.store.count) return null;
    const { room, end } = this.scene;
    const across = event.clientX - this.root.getBoundingClientRect().left - COURSE_LEFT;
    if (across < -6 || across > room + 6) return null;
    return this.store.rowOf((end * across) / room);
  }

  point(row, event = null) {
    this.row = row !== null && this.store.count ? row : null;
    this.cross.hidden = this.tip.hidden = this.row === null;
    this.tell();
    if (this.row === null || !this.scene) return;
    const x = this.scene.x(this.store.number(this.row));
    this.cross.style.top = `${COURSE_HEAD}px`;
    this.cross.style.height = `${this.body.offsetHeight - COURSE_HEAD}px`;
    this.cross.style.transform = `translateX(${x.toFixed(1)}px)`;
    this.showTip(x, event);
  }

  showTip(x, event) {
    const { tip, store, row } = this;
    tip.replaceChildren();
    const number = store.number(row);
    const notes = [];
    if (store.best === number) notes.push("the best so far");
    if (store.overfitsFrom && number >= store.overfitsFrom) notes.push("overfitting");
    const head = `${store.unit} ${number.toLocaleString("en")}`;
    element(tip, "div", { class: "lw-tip-head", text: [head, ...notes].join(", ") });
    for (const panel of this.panels)
      for (const [label, text, line] of panel.told(store, row)) {
        const line_ = element(tip, "div", { class: "lw-tip-row" });
        const named = element(line_, "span", { class: "lw-entry" });
        const swatch = element(named, "span", { class: "lw-swatch", "aria-hidden": "true" });
        swatch.classList.toggle("lw-dashes", line.is_dashed);
        swatch.style.setProperty("--lw-colour", this.palette()[line.colour] ?? line.colour);
        element(named, "span", { text: this.named(panel, label) });
        element(line_, "b", { text });
      }
    const before = row ? store.number(row - 1) : 0;
    for (const change of store.changes)
      if (change.position >= before && change.position < number)
        element(tip, "div", { class: "lw-tip-change", text: `changed: ${change.text}` });
    const { offsetWidth: wide, offsetHeight: tall } = tip;
    const across = x + 14 + wide > this.root.clientWidth ? x - 14 - wide : x + 14;
    const above = event ? event.clientY - this.root.getBoundingClientRect().top - 12 : COURSE_HEAD;
    const down = Math.max(0, Math.min(above, this.root.clientHeight - tall));
    tip.style.transform = `translate(${Math.max(0, across)}px, ${down}px)`;
  }

  named({ spec }, label) {
    const first = spec.title.split(":")[0].toLowerCase();
    if (spec.lines.length === 1) return first;
    return spec.id === "gates" ? `gate ${label}` : `${first}, ${label}`;
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== this.root) return;
    const { count } = this.store;
    if (!count) return;
    const from = this.row ?? count;
    const to = {
      ArrowLeft: from - 1, ArrowRight: from + 1, PageUp: from - 10, PageDown: from + 10,
      Home: 0, End: count - 1,
    }[event.key];
    if (event.key === "Escape") this.point(null);
    else if (to === undefined) return;
    else this.point(Math.min(count - 1, Math.max(0, to)));
    event.preventDefault();
    event.stopPropagation();
  }
}
