// What pointer and keys do over heatmaps of units: a row, a pin, a box. The rest is the chart's.

const FAR = 4; // pixels from which on a press is a drag

export class UnitPointer {
  // calls: {pin(unit), brush(box or null), shown()}; `shown` after row or box have moved
  constructor(chart, calls) {
    this.chart = chart;
    this.calls = calls;
    this.start = null; // where a press began
    this.anchor = null; // where a box began that keys draw
    chart.onMarked = () => this.calls.shown(); // when something else has moved the row
    const listeners = {
      pointerdown: (event) => this.press(event),
      pointermove: (event) => this.move(event),
      pointerup: (event) => this.release(event),
      pointercancel: () => this.drop(),
      pointerleave: (event) => event.target === chart.root && this.point(null),
      dblclick: (event) => this.clear(event, event.target.matches("canvas")),
      keydown: (event) => event.target === chart.root && this.key(event),
    };
    for (const [name, call] of Object.entries(listeners))
      chart.root.addEventListener(name, call, { capture: true }); // before the chart's own
  }

  get marks() {
    return this.chart.marks;
  }

  map(event) {
    const panel = this.chart.panelAt(event);
    return panel?.unitValues ? panel : null;
  }

  // Step and row of a place, or of the nearest where there are some.
  place(panel, event) {
    const { scene, store } = this.chart;
    const box = panel.canvas.getBoundingClientRect();
    const share = (event.clientX - box.left - scene.left) / scene.room;
    const step = Math.round(scene.start + share * (scene.end - scene.start));
    const [from, to] = panel.seen(store);
    const row = panel.rowAt(store, event.clientY - box.top);
    const first = Math.max(scene.first, store.unitsFrom);
    return {
      step: Math.min(scene.last, Math.max(first, step)),
      row: Math.min(to - 1, Math.max(from, row)),
    };
  }

  press(event) {
    const panel = this.map(event);
    if (!panel || event.button !== 0 || !this.chart.store.shown.length) return;
    event.stopPropagation();
    const { clientX: x, clientY: y } = event;
    this.start = { panel, x, y, moved: false, old: this.marks.box, ...this.place(panel, event) };
    event.target.setPointerCapture(event.pointerId);
  }

  move(event) {
    const { start } = this;
    if (!start) {
      const panel = this.map(event);
      this.point(panel && this.chart.store.shown.length ? this.place(panel, event).row : null);
      return;
    }
    event.stopPropagation();
    if (Math.hypot(event.clientX - start.x, event.clientY - start.y) < FAR && !start.moved) return;
    start.moved = true;
    this.chart.point(null);
    this.marks.box = boxBetween(start, this.place(start.panel, event));
    this.calls.shown();
  }

  release(event) {
    const { start } = this;
    if (!start) return;
    event.stopPropagation();
    this.start = null;
    if (start.moved) this.calls.brush(this.marks.box);
    else this.calls.pin(this.chart.store.shown[start.row]);
  }

  drop() {
    if (!this.start) return;
    this.marks.box = this.start.old;
    this.start = null;
    this.calls.shown();
  }

  point(row) {
    if (this.marks.row === row) return;
    this.marks.row = row;
    this.calls.shown();
  }

  clear(event, meant = true) {
    this.anchor = null;
    if (!this.marks.box || !meant) return;
    event.preventDefault();
    event.stopPropagation();
    this.calls.brush(null);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { chart, marks } = this;
    const panel = chart.panels.find((each) => each.unitValues && !each.folded);
    const moves = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };
    const move = moves[event.key];
    if (event.key === "Escape") {
      this.clear(event);
      if (!marks.box) this.point(null);
      return;
    }
    if (!panel || !chart.scene || !chart.store.shown.length) return;
    if (event.key === "Enter" && marks.row !== null) this.calls.pin(chart.store.shown[marks.row]);
    else if (move && (event.shiftKey || marks.row !== null || move[1])) this.go(panel, move, event.shiftKey);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  // From the last step and the lowest row on.
  go(panel, [across, up], brushing) {
    const { chart, marks } = this;
    const { scene, store } = chart;
    const [from, to] = panel.seen(store);
    const within = (value, low, high) => Math.min(high, Math.max(low, value));
    const old = { step: chart.step ?? scene.last, row: marks.row ?? from };
    const begun = marks.row !== null;
    const step = within(old.step + across, Math.max(scene.first, store.unitsFrom), scene.last);
    const row = begun ? within(old.row + up, from, to - 1) : old.row;
    if (!brushing) this.anchor = null;
    else this.anchor ??= old;
    marks.row = row;
    const offsetY = (panel.spec.height * (to - row - 0.5)) / (to - from);
    const clientY = panel.canvas.getBoundingClientRect().top + offsetY;
    chart.point(step, panel, { offsetY, clientY });
    this.calls.shown();
    if (this.anchor) this.calls.brush(boxBetween(this.anchor, { step, row }));
  }
}

const boxBetween = (one, other) => ({
  first: Math.min(one.step, other.step), last: Math.max(one.step, other.step),
  low: Math.min(one.row, other.row), high: Math.max(one.row, other.row),
});
