// One MemoryTimeline in a page: what its views share, and each view's controls over the rows.
//
// kernel -> page: the traits; _whole, the steps drawn; _lasting, half-lives; _correlations, _held
// page -> kernel: the traits, {type: "hello" | "bye", view}

import { Chart } from "../live/chart.js";
import { element, say } from "../live/drawing.js";
import { keepKeys } from "../live/keys.js";
import { newName, SAVED, tellKernel } from "../live/kernel.js";
import { WidgetSession, widgetOf } from "../live/session.js";
import { float32, unpack, WholeStore } from "../live/store.js";
import { written } from "../live/ticks.js";
import { stateAt, STATES, steps } from "./memory_panels.js";
import { UnitBar } from "./unit_bar.js";
import { Marks } from "./unit_panels.js";
import { UnitPointer } from "./unit_pointer.js";

const MEMORY_ORDERS = {
  "half-life": "longest half-life first", decay: "by mean forget gate", number: "by their numbers",
};
const SLIDERS = {
  write: ["Written from", 2, 0.05, "× size", "Input gate × candidate, measured by the unit's size, from which on it counts as written"],
  wipe: ["Wiped at forget gate", 1, 0.01, "at most", "Forget gate at or below which a unit that held something counts as wiped"],
  hold: ["Holds from", 2, 0.05, "× size", "Cell state, measured by the unit's size, from which on a unit holds something"],
};
const ROWS_HEIGHT = 420, ROW = 14;
const ABOUT =
  "A unit's size is the root mean square of its cell state. Click a row to pin its unit; drag to look " +
  "around once you have zoomed in by Shift + wheel.";
const NOTHING_HELD = { names: [], lags: 0, units: [] };
const NOTHING_LASTS = { units: [], half_life: [], decay: [], size: [], longest: 1 };
const MOVED = 4; // pixels from which on a press is a drag

class MemorySession extends WidgetSession {
  constructor(model) {
    super(model);
    this.store = new WholeStore(1);
    const listeners = {
      "change:_whole": () => this.take(),
      "change:_lasting": () => this.arrange(),
      "change:_correlations": () => this.each((view) => view.show()),
      "change:_about": () => this.each((view) => view.rebuild()),
    };
    const shown = ["layer", "order", "write", "wipe", "hold", "lags", "start", "pinned", "theme"];
    this.listen(listeners, [...shown, "_held", "_note", "_error", "_progress"]);
    this.take();
  }

  take() {
    const [header, buffers] = unpack(this.model.get("_whole")) ?? [];
    if (header) this.store.take(header, buffers);
    this.arrange();
  }

  // The rows follow the order of the half-lives; the frame has the units by their numbers.
  arrange() {
    const { store } = this;
    const { units } = this.lasting;
    const there = units.length === store.shown.length && units.every((unit) => store.sent.includes(unit));
    if (there && units.join() !== store.shown.join()) store.arrange(units);
    this.each((view) => view.show());
  }

  get lasting() {
    const lasting = this.model.get("_lasting");
    return lasting?.units ? lasting : NOTHING_LASTS;
  }

  // Thresholds in the numbers' own precision, as Python compares them.
  get thresholds() {
    const [write, wipe, hold] = ["write", "wipe", "hold"].map((name) => Math.fround(this.model.get(name)));
    return { write, wipe, hold, size: this.lasting.size };
  }

  get held() {
    const held = this.model.get("_held");
    const view = this.model.get("_correlations");
    if (!held?.names || !view?.byteLength) return { ...NOTHING_HELD, stride: 1, values: new Float32Array(0) };
    if (view !== this.heldFrom) this.heldValues = float32(view);
    this.heldFrom = view;
    return { ...held, stride: this.model.get("_about").stride ?? 1, values: this.heldValues };
  }
}

class RowPointer extends UnitPointer {
  press(event) {
    const panel = this.map(event);
    const able = panel && event.button === 0 && this.chart.store.shown.length;
    this.start = able ? { x: event.clientX, y: event.clientY, ...this.place(panel, event) } : null;
  }

  move(event) {
    const { start } = this;
    if (start && Math.hypot(event.clientX - start.x, event.clientY - start.y) >= MOVED) this.start = null;
    const panel = this.map(event);
    this.point(panel && this.chart.store.shown.length ? this.place(panel, event).row : null);
  }

  release() {
    const { start } = this;
    this.start = null;
    if (start) this.calls.pin(this.chart.store.shown[start.row]);
  }

  drop() {
    this.start = null;
  }
}

class MemoryView {
  constructor(session, parent) {
    this.session = session;
    this.parent = parent;
    this.id = newName();
    this.marks = new Marks();
    this.folded = [];
    this.build();
    session.views.add(this);
    tellKernel(session, { type: "hello", view: this.id });
  }

  close() {
    this.session.views.delete(this);
    tellKernel(this.session, { type: "bye", view: this.id });
    this.chart.close();
    this.root.remove();
  }

  get about() {
    return this.session.model.get("_about");
  }

  build() {
    const { model } = this.session;
    const { panels = [], run } = this.about;
    this.built = JSON.stringify(panels);
    this.root = element(this.parent, "div", {
      class: "lw-live lw-states lw-memory", role: "group", "aria-label": "Memory of an LSTM, unit by unit",
    });
    keepKeys(this.root);
    this.makeBar();
    this.note = element(this.root, "div", { class: "lw-message", role: "status", hidden: "" });
    this.chart = new Chart(this.root, {
      store: this.session.store,
      run: run || newName(),
      specs: panels.map((panel) => ({ ...panel })),
      resting: true,
      total: () => null,
      theme: () => model.get("theme"),
      margin: (narrow) => (narrow ? 96 : 150),
      folded: this.folded,
      onFold: (folded) => (this.folded = folded),
      marks: this.marks,
      lasting: NOTHING_LASTS,
      thresholds: this.session.thresholds,
      held: this.session.held,
      unit: null,
    });
    this.chart.root.setAttribute(
      "aria-label",
      "Units over steps. Arrow keys go through steps and units, Enter pins a unit, plus and minus zoom.",
    );
    this.root.chart = this.chart;
    this.unitRow = element(this.root, "div", { class: "lw-means" });
    element(this.root, "div", { class: "lw-means", text: ABOUT });
    new RowPointer(this.chart, { pin: (unit) => this.bar.pin(unit), brush() {}, shown: () => this.pointed() });
    this.show();
  }

  rebuild() {
    if (JSON.stringify(this.about.panels ?? []) === this.built) {
      this.chart.run = this.about.run;
      this.show();
      return;
    }
    this.chart.close();
    this.root.remove();
    this.build();
  }

  makeBar() {
    const { session } = this;
    const hidden = () => this.about.hidden;
    this.bar = new UnitBar(this.root, session, { orders: MEMORY_ORDERS, hidden });
    this.lags = element(
      this.bar.field("Lags up to", "How many steps before the cell state is compared with"), "input",
      { type: "number", min: 0, step: 1, class: "lw-lags" },
      { change: () => this.chosenLags() },
    );
    this.startField = this.bar.field("From", "The first step drawn");
    this.start = element(this.startField, "input", { type: "range", min: 0, step: 1 }, {
      change: () => session.set("start", Number(this.start.value)),
    });
    const sliders = element(this.root, "div", {
      class: "lw-thresholds", role: "group", "aria-label": "From when on units count as written, wiped, holding",
    });
    this.sliders = Object.entries(SLIDERS).map(([name, [text, max, step, unit, title]]) => {
      const label = element(sliders, "label", { class: "lw-speed", title });
      element(label, "span", { text });
      const slider = element(label, "input", { type: "range", min: 0, max, step }, {
        input: () => session.set(name, Number(slider.value)),
      });
      const told = element(label, "output");
      return [name, slider, (value) => {
        const number = value.toFixed(2);
        say(told, unit === "at most" ? `≤ ${number}` : `${number} ${unit}`);
        slider.setAttribute("aria-valuetext", told.textContent);
      }];
    });
  }

  chosenLags() {
    const lags = Number(this.lags.value), { mostLags } = this.about;
    if (this.lags.value !== "" && Number.isInteger(lags) && lags >= 0 && lags <= mostLags) {
      this.bar.wrong.textContent = "";
      this.session.set("lags", lags);
    } else {
      this.bar.wrong.textContent = `Lags are a whole number from 0 to ${mostLags}.`;
      this.lags.value = this.session.model.get("lags");
    }
  }

  // What the controls say, whoever has changed it.
  show() {
    const { session, chart } = this;
    const { model, store } = session;
    const { layers = 1, hidden = 0, mostStart = 0, mostLags = 0 } = this.about;
    this.bar.show(layers, this.marks);
    this.lags.max = mostLags;
    if (document.activeElement !== this.lags) this.lags.value = model.get("lags");
    this.startField.hidden = !mostStart;
    this.start.max = mostStart;
    this.start.value = model.get("start");
    for (const [name, slider, tell] of this.sliders) {
      slider.value = model.get(name);
      tell(model.get(name));
    }
    const { answers } = session;
    for (const each of [this.lags, this.start]) each.disabled = !answers;
    this.showNote(answers);
    Object.assign(chart, { lasting: session.lasting, thresholds: session.thresholds, held: session.held });
    this.unitRow.hidden = !hidden;
    this.fit(store.shown.length);
    this.pointed();
    chart.recolour();
    if (store.size) chart.tell();
  }

  showNote(answers) {
    const { model } = this.session;
    const progress = model.get("_progress");
    const error = model.get("_error");
    const busy = progress < 1 ? `Comparing cell states with what came before: ${Math.round(100 * progress)} %. ` : "";
    const note = error || (answers ? busy + model.get("_note") : SAVED);
    this.note.classList.toggle("lw-error", Boolean(error));
    this.note.hidden = !note;
    say(this.note, note);
  }

  fit(rows) {
    const [panel] = this.chart.panels;
    const height = Math.max(56, Math.min(ROW * rows, ROWS_HEIGHT));
    if (!panel || panel.spec.height === height) return;
    panel.spec.height = height;
    this.chart.resize();
  }

  // Of which unit the rest tells: the one pointed at, the one pinned last, the one on top.
  pointed() {
    const { chart, marks, session } = this;
    const { shown } = session.store;
    for (const panel of chart.panels) panel.mark?.();
    const pinned = marks.pinned.filter((unit) => shown.includes(unit));
    const unit = shown[marks.row] ?? pinned.at(-1) ?? shown.at(-1) ?? null;
    if (unit !== chart.unit) chart.refresh();
    chart.unit = unit;
    this.tellUnit(unit);
  }

  tellUnit(unit) {
    const { store, lasting, thresholds } = this.session;
    const row = lasting.units.join() === store.shown.join() ? store.shown.indexOf(unit) : -1;
    const key = JSON.stringify([unit, thresholds.write, thresholds.wipe, thresholds.hold, store.seq, row]);
    if (key === this.told) return;
    this.told = key;
    this.unitRow.replaceChildren();
    if (row < 0) return;
    const counts = STATES.map(() => 0);
    let holding = 0;
    for (let step = store.first; step < store.next; step++) {
      counts[stateAt(store, step, row, thresholds)]++;
      if (Math.abs(store.unit("cell", step, row)) >= thresholds.hold) holding++;
    }
    const count = (name) => `${counts[STATES.indexOf(name)].toLocaleString("en")} ×`;
    const told = {
      "half-life": steps(lasting.half_life[row] ?? null),
      "at its mean forget gate": steps(lasting.decay[row] ?? null),
      written: count("written"), wiped: count("wiped"), overwritten: count("overwritten"),
      "holds something": `${written(Math.round((100 * holding) / Math.max(1, store.size)))} % of steps`,
    };
    element(this.unitRow, "b", { class: "lw-unit", text: `Unit ${unit}` });
    for (const [name, value] of Object.entries(told)) {
      const entry = element(this.unitRow, "span", { class: "lw-mean", "data-told": name });
      element(entry, "span", { text: name });
      element(entry, "b", { text: value });
    }
  }
}

export const memoryTimeline = widgetOf(MemorySession, MemoryView);

export default memoryTimeline;
