// Over the steps: how many units of the hypothesis are on, the range that is brushed, and its keys.

import { element } from "../live/drawing.js";
import { DARK, LIGHT } from "../live/palette.js";
import { Panel } from "../live/panel.js";
import { PANELS } from "../live/panels.js";

const DRAGGED = 4; // pixels from which on a press is a drag

// What a `UnitsPanel` marks: the units of the hypothesis, and the row under the pointer.
export class HypothesisMarks {
  pinned = [];
  box = null;
  row = null;

  colour(_, dark) {
    return (dark ? DARK : LIGHT).accent;
  }
}

// The units of the part that is drawn that are on in a range, and how many of them are at each step:
// what Python finds of a hypothesis, for pages without one.
export function hypothesisOf(store, { first, last }, { quantity, side, threshold, before, after }) {
  const least = Math.fround(threshold);
  const isOn = {
    above: (value) => value >= least,
    below: (value) => value <= -least,
    magnitude: (value) => Math.abs(value) >= least,
  }[side];
  const on = (step, row) => step >= store.first && step < store.next && isOn(store.unit(quantity, step, row));
  const all = (from, to, call) => {
    for (let step = from; step <= to; step++) if (!call(step)) return false;
    return true;
  };
  const rows = [...store.sent.keys()].filter(
    (row) =>
      all(first, last, (step) => on(step, row)) &&
      all(first - before, first - 1, (step) => !on(step, row)) &&
      all(last + 1, last + after, (step) => !on(step, row)),
  );
  const counts = Array.from({ length: store.size }, (_, n) =>
    rows.filter((row) => on(store.first + n, row)).length);
  return { units: rows.map((row) => store.sent[row]).sort((one, other) => one - other), counts };
}

export class TogetherPanel extends Panel {
  // {first, counts, units, shared}: of the steps from a first one on
  get together() {
    return this.chart.together;
  }

  count(step) {
    const { first, counts } = this.together ?? {};
    return counts?.[step - first] ?? NaN;
  }

  draw(scene) {
    const pen = this.begin(scene);
    const { first, last, x, palette } = scene;
    const units = this.together?.units ?? 0;
    const most = Math.max(1, units);
    const y = this.scale(scene, 0, most, { top: 6, texts: [[0, "0"], [most, `${most}`]] });
    if (!units) return;
    this.frameOf(scene);
    for (let step = first; step <= last; step++) {
      const count = this.count(step);
      if (!(count > 0)) continue;
      pen.fillStyle = count === units ? palette.accent : palette.edge;
      const left = x(step - 0.5);
      const wide = x(step + 0.5) - left;
      pen.fillRect(left, y(count), Math.max(1, wide > 4 ? wide - 1 : wide), y(0) - y(count));
    }
    pen.restore();
  }

  values(store, step) {
    const count = this.count(step);
    return Number.isNaN(count) ? [] : [["units of the hypothesis on", `${count} of ${this.together.units}`]];
  }

  tell(store, step) {
    const [[, told] = [null, "no hypothesis yet"]] = this.values(store, step);
    this.canvas.setAttribute("aria-label", `${this.spec.title}. At the last step: ${told}.`);
  }
}

Object.assign(PANELS, { together: TogetherPanel });

// Brushes a range of steps: by a drag over any panel (with Shift it pans), by Shift and arrow keys.
export class RangePointer {
  // brush(range or null): {first, last} in steps of the store
  constructor(chart, brush) {
    this.chart = chart;
    this.brush = brush;
    this.range = null; // what is brushed
    this.start = null; // where a press began
    this.anchor = null; // where a range began that keys brush
    this.band = element(chart.root, "div", { class: "lw-range", hidden: "", "aria-hidden": "true" });
    const listeners = {
      pointerdown: (event) => this.press(event),
      pointermove: (event) => this.move(event),
      pointerup: (event) => this.release(event),
      pointercancel: () => this.drop(),
      pointerleave: (event) => event.target === chart.root && this.point(null),
      dblclick: (event) => event.stopPropagation(),
      keydown: (event) => event.target === chart.root && this.key(event),
    };
    for (const [name, call] of Object.entries(listeners))
      chart.root.addEventListener(name, call, { capture: true }); // before the chart's own
  }

  show(range) {
    this.range = range;
    this.place();
  }

  place() {
    const { scene, axis } = this.chart;
    const range = this.moving ?? this.range;
    const seen = range && scene && range.last >= scene.start && range.first <= scene.end;
    this.band.hidden = !seen;
    if (!seen) return;
    const within = (at) => Math.min(scene.left + scene.room, Math.max(scene.left, at));
    const left = within(scene.x(range.first - 0.5)), right = within(scene.x(range.last + 0.5));
    const height = `${axis.canvas.offsetTop - 20}px`;
    Object.assign(this.band.style, { left: `${left}px`, width: `${Math.max(2, right - left)}px`, height });
  }

  // The step nearest to where the pointer is.
  stepAt(event) {
    const { scene, root } = this.chart;
    const across = event.clientX - root.getBoundingClientRect().left - scene.left;
    const step = Math.round(scene.start + (across / scene.room) * (scene.end - scene.start));
    return Math.min(scene.last, Math.max(scene.first, step));
  }

  press(event) {
    if (event.button !== 0 || event.shiftKey || !this.chart.panelAt(event) || !this.chart.scene) return;
    event.stopPropagation();
    this.start = { x: event.clientX, step: this.stepAt(event) };
    event.target.setPointerCapture(event.pointerId);
  }

  move(event) {
    const { start, chart } = this;
    if (!start) {
      const panel = chart.panelAt(event);
      this.point(panel?.unitValues ? panel.rowAt(chart.store, event.offsetY) : null);
      return;
    }
    event.stopPropagation();
    if (Math.abs(event.clientX - start.x) < DRAGGED && !this.moving) return;
    chart.point(null);
    this.moving = rangeOf(start.step, this.stepAt(event));
    this.place();
  }

  release(event) {
    const { start } = this;
    if (!start) return;
    event.stopPropagation();
    const range = this.moving ?? rangeOf(start.step, start.step);
    this.start = this.moving = null;
    this.brush(range);
  }

  drop() {
    this.start = this.moving = null;
    this.place();
  }

  point(row) {
    const { marks, panels } = this.chart;
    if (marks.row === row) return;
    marks.row = row;
    for (const panel of panels) panel.mark?.();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { chart } = this;
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (event.key === "Escape" && this.range) this.brush(null);
    else if (by && event.shiftKey && chart.scene) {
      const { first, last } = chart.scene;
      const old = chart.step ?? last;
      this.anchor ??= old;
      const step = Math.min(last, Math.max(first, old + by));
      chart.point(step);
      this.brush(rangeOf(this.anchor, step));
    } else {
      if (event.key !== "Shift") this.anchor = null;
      return;
    }
    event.preventDefault();
    event.stopPropagation();
  }
}

const rangeOf = (one, other) => ({ first: Math.min(one, other), last: Math.max(one, other) });
