// A widget of a layer's units in a page: what its views share, and each view's controls over the
// heatmaps.
//
// kernel -> page: the traits; _whole, all of it; of a run that is followed {type: "frame"} + buffers
// page -> kernel: the traits, {type: "hello" | "bye", view}, {type: "whole"}, {type: "reorder"}

import { Chart } from "../live/chart.js";
import { keepKeys } from "../live/keys.js";
import { newName, SAVED, tellKernel } from "../live/kernel.js";
import { element } from "../live/drawing.js";
import { FedSession } from "../live/fed_session.js";
import { WholeStore } from "../live/store.js";
import { UnitBar } from "./unit_bar.js";
import { Marks } from "./unit_panels.js";
import { UnitPointer } from "./unit_pointer.js";

const ORDERS = {
  similarity: "similar ones together", cluster: "by clusters",
  peak: "by the step of their peak", number: "by their numbers",
};
const MAPS_HEIGHT = 282; // of all heatmaps that are unfolded
const STILL = 400; // ms without news until a picture is at rest
const HINT =
  "Click a row to pin its unit, drag for the means in a box (Escape removes it). " +
  "Shift + wheel zooms steps, Alt + wheel rows.";

export class StateSession extends FedSession {
  // traits: further ones that views show
  constructor(model, traits = []) {
    super(model);
    const { window, run } = model.get("_about");
    this.run = run || newName();
    this.store = new WholeStore(window);
    this.store.capacity = window; // no more than Python has
    const listeners = {
      "msg:custom": (message, buffers) => message.type === "frame" && this.take(message, buffers),
      "change:_whole": () => this.takeWhole(),
      "change:_about": () => this.each((view) => view.rebuild()),
    };
    const shown = ["order", "layer", "pinned", "brush", "quantities", "theme", "_note"];
    this.listen(listeners, [...shown, ...traits]);
    this.takeWhole();
  }

  take(header, buffers) {
    super.take(header, buffers);
    this.each((view) => view.news(header));
  }
}

export class StateView {
  constructor(session, parent) {
    this.session = session;
    this.parent = parent;
    this.id = newName();
    this.marks = new Marks();
    this.folded = []; // panels besides the heatmaps
    this.build();
    session.views.add(this);
    tellKernel(session, { type: "hello", view: this.id });
  }

  close() {
    clearTimeout(this.later);
    this.session.views.delete(this);
    tellKernel(this.session, { type: "bye", view: this.id });
    this.chart.close();
    this.root.remove();
  }

  build() {
    const { model } = this.session;
    const about = model.get("_about");
    this.built = JSON.stringify([about.panels, about.follows]);
    this.root = element(this.parent, "div", {
      class: "lw-live lw-states", role: "group", "aria-label": "State of an LSTM, unit by unit",
    });
    keepKeys(this.root);
    this.makeBar();
    this.note = element(this.root, "div", { class: "lw-message", hidden: "" });
    this.means = element(this.root, "div", { class: "lw-means", role: "status" });
    this.chart = new Chart(this.root, {
      store: this.session.store,
      run: this.session.run,
      specs: about.panels.map((panel) => ({ ...panel })),
      resting: !about.follows,
      total: () => null,
      theme: () => model.get("theme"),
      folded: this.allFolded(),
      onFold: (folded) => this.fold(folded),
      marks: this.marks,
      onPin: (unit) => this.bar.pin(unit),
    });
    this.chart.root.setAttribute(
      "aria-label",
      "Units over steps. Arrow keys go through steps and units, Enter pins a unit, Shift and " +
        "arrow keys draw a box, plus and minus zoom.",
    );
    new UnitPointer(this.chart, {
      pin: (unit) => this.bar.pin(unit),
      brush: (box) => this.brush(box),
      shown: () => this.mark(),
    });
    this.show();
  }

  // The kernel shows something else: another run, other numbers, more layers.
  rebuild() {
    const { model, run } = this.session;
    const about = model.get("_about");
    if (about.run && about.run !== run) this.session.run = about.run;
    if (JSON.stringify([about.panels, about.follows]) === this.built) {
      this.chart.run = this.session.run;
      this.show();
      return;
    }
    this.chart.close();
    this.root.remove();
    this.build();
  }

  makeBar() {
    const { session } = this;
    const hidden = () => session.model.get("_about").hidden;
    this.bar = new UnitBar(this.root, session, { orders: ORDERS, hidden });
    const about = { type: "button", text: "Order again", title: "Order the units by what is recorded now" };
    this.again = element(null, "button", about, { click: () => tellKernel(session, { type: "reorder" }) });
    this.bar.layerField.before(this.again);
  }

  allFolded() {
    const { model } = this.session;
    const { panels } = model.get("_about");
    const shown = model.get("quantities");
    const maps = panels.filter(({ kind, id }) => kind === "units" && !shown.includes(id));
    return [...maps.map(({ id }) => id), ...this.folded];
  }

  fold(folded) {
    const { session } = this;
    const { panels } = session.model.get("_about");
    const maps = panels.filter(({ kind }) => kind === "units").map(({ id }) => id);
    this.folded = folded.filter((id) => !maps.includes(id));
    const shown = maps.filter((id) => !folded.includes(id));
    if (shown.length) session.set("quantities", shown); // one is the least
    else this.show();
  }

  brush(box) {
    const { session } = this;
    const { store } = session;
    const numbers = box && [box.first, box.last].map((step) => store.number(step));
    session.set("brush", box && [store.shown.slice(box.low, box.high + 1), numbers]);
  }

  // The box as steps and rows; null where its units are not beside each other.
  box() {
    const { store, model } = this.session;
    const brush = model.get("brush");
    if (!brush) return null;
    const [units, steps] = brush;
    const rows = units.map((unit) => store.shown.indexOf(unit));
    const low = Math.min(...rows), high = Math.max(...rows);
    if (low < 0 || high - low + 1 !== units.length) return null;
    const [first, last] = steps.map((step) => Math.round(store.placeOf(step)));
    return { first, last, low, high };
  }

  // What the controls say, whoever has changed it.
  show() {
    const { model } = this.session;
    const about = model.get("_about");
    this.bar.show(about.layers, this.marks);
    this.again.hidden = !about.again;
    const folded = this.allFolded();
    if (folded.join() !== this.chart.folded.join()) this.chart.setFolded(folded);
    const { answers } = this.session;
    this.again.disabled = !answers;
    const note = answers ? model.get("_note") : SAVED;
    this.note.hidden = !note;
    if (this.note.textContent !== note) this.note.textContent = note;
    this.fit();
    this.chart.recolour();
    this.showBox();
  }

  // Heatmaps share the room that there is, unless their rows are few.
  fit() {
    const { chart, session } = this;
    const maps = chart.panels.filter((panel) => panel.unitValues);
    const shown = maps.filter((panel) => !panel.folded).length;
    const rows = session.store.shown.length || session.model.get("_about").hidden;
    const height = Math.max(42, Math.min(14 * rows, Math.floor(MAPS_HEIGHT / shown), 150));
    if (maps[0].spec.height === height) return;
    for (const panel of maps) panel.spec.height = height;
    chart.resize();
  }

  showBox() {
    this.marks.box = this.box();
    this.mark();
    this.showMeans();
  }

  mark() {
    for (const panel of this.chart.panels) panel.mark?.();
  }

  showMeans() {
    const { box } = this.marks;
    const { store, model } = this.session;
    const quantities = model.get("quantities");
    const key = JSON.stringify([box, quantities, store.seq]);
    if (key === this.meansOf) return;
    this.meansOf = key;
    const { means } = this;
    if (!box) {
      if (means.textContent !== HINT) means.textContent = HINT;
      return;
    }
    means.replaceChildren();
    const count = box.high - box.low + 1;
    const units = count === 1 ? `unit ${store.shown[box.low]}` : `${count} units`;
    const [from, to] = [box.first, box.last].map((step) => store.number(step).toLocaleString("en"));
    const steps = from === to ? `step ${from}` : `steps ${from} to ${to}`;
    element(means, "span", { text: `Mean in the box: ${units}, ${steps}` });
    for (const { spec } of this.chart.panels) {
      if (spec.kind !== "units" || !quantities.includes(spec.id)) continue;
      const entry = element(means, "span", { class: "lw-mean", "data-quantity": spec.id });
      element(entry, "span", { text: spec.short });
      element(entry, "b", { text: meanOf(store, spec.id, box) });
    }
    element(means, "button", { type: "button", text: "Remove box" }, { click: () => this.brush(null) });
  }

  news(header) {
    if (header.units?.shown) this.fit();
    this.showBox();
    this.chart.moving = !this.chart.resting;
    clearTimeout(this.later);
    this.later = setTimeout(() => {
      this.chart.moving = false;
      this.chart.refresh();
    }, STILL);
    this.chart.refresh();
  }
}

function meanOf(store, map, { first, last, low, high }) {
  let [sum, squares, known] = [0, 0, 0];
  for (let step = first; step <= last; step++)
    for (let row = low; row <= high; row++) {
      const value = store.unit(map, step, row);
      if (!Number.isFinite(value)) continue;
      known++;
      sum += value;
      squares += value * value;
    }
  if (!known) return "no value";
  const mean = sum / known;
  const spread = Math.sqrt(Math.max(0, squares / known - mean * mean));
  return `${mean.toFixed(3).replace("-", "−")} ± ${spread.toFixed(3)}`;
}
