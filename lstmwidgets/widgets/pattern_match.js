// One PatternMatch in a page: what its views share, and each view's chart over its list of matches.
//
// kernel -> page: the traits; _whole, the part that is drawn; _found, hypothesis and matches
// page -> kernel: the traits, {type: "renew"}

import { Chart } from "../live/chart.js";
import { element, say } from "../live/drawing.js";
import { keepKeys } from "../live/keys.js";
import { SAVED, tellKernel } from "../live/kernel.js";
import { WidgetSession, widgetOf } from "../live/session.js";
import { tellPointer } from "../live/pointer.js";
import { float32, float64, WholeStore, unpack } from "../live/store.js";
import { onThemeChange } from "../live/theme.js";
import { written } from "../live/ticks.js";
import { MatchList } from "./match_list.js";
import { PatternControls, QUANTITY_NAMES } from "./pattern_controls.js";
import { HypothesisMarks, hypothesisOf, RangePointer } from "./pattern_panels.js";

const TRAITS = [
  "brush", "quantity", "layer", "threshold", "side", "before", "after", "order", "least", "shortest", "most",
  "text", "column", "between", "sequence", "start", "theme", "error", "_progress", "_gone_on",
];
const UNITS_NAMED = 12;

class PatternSession extends WidgetSession {
  constructor(model) {
    super(model);
    this.store = new WholeStore(1);
    const listeners = {
      "change:_whole": () => this.takeWhole(),
      "change:_found": () => this.takeFound(),
      "change:_about": () => this.each((view) => view.rebuild()),
    };
    this.listen(listeners, TRAITS);
    this.takeWhole();
    this.takeFound();
  }

  takeWhole() {
    const [header, buffers] = unpack(this.model.get("_whole")) ?? [];
    if (header) this.store.take(header, buffers);
    else this.store.forget();
    this.each((view) => view.news());
  }

  takeFound() {
    const [header, buffers] = unpack(this.model.get("_found")) ?? [];
    this.found = header ? { ...header, counts: float32(buffers[0]) } : null;
    let at = 0;
    const values = header ? float64(buffers[1]) : null;
    for (const strip of header?.strips ?? []) {
      const steps = strip.labels.length;
      strip.values = Array.from({ length: 1 + header.tracks.length }, () =>
        values.subarray(at, (at += steps)));
    }
    this.each((view) => view.showFound());
  }

  set(traits) {
    for (const [name, value] of Object.entries(traits)) this.model.set(name, value);
    this.model.save_changes();
    this.each((view) => view.show());
  }

  renew() {
    tellKernel(this, { type: "renew" });
  }
}

class PatternView {
  constructor(session, parent) {
    this.session = session;
    this.parent = parent;
    this.folded = [];
    this.forgetTheme = onThemeChange(() => this.colour());
    this.build();
    session.views.add(this);
  }

  close() {
    this.session.views.delete(this);
    this.forgetTheme();
    this.drop();
  }

  drop() {
    this.list.close();
    this.chart.close();
    this.root.remove();
  }

  build() {
    const { session } = this;
    const { model } = session;
    const about = model.get("_about");
    this.built = JSON.stringify(about.panels);
    this.root = element(this.parent, "div", {
      class: "lw-live lw-patterns", role: "group", "aria-label": "Patterns of an LSTM's units",
    });
    keepKeys(this.root);
    this.controls = new PatternControls(session, this.root);
    this.note = element(this.root, "div", { class: "lw-message", hidden: "" });
    this.status = element(this.root, "div", { class: "lw-means", role: "status" });
    this.progress = element(this.root, "progress", { max: 1, "aria-label": "Progress of the search" });
    this.chart = new Chart(this.root, {
      store: session.store,
      run: about.run,
      specs: about.panels.map((panel) => ({ ...panel })),
      resting: true,
      total: () => null,
      theme: () => model.get("theme"),
      folded: this.folded,
      onFold: (folded) => (this.folded = folded),
      marks: new HypothesisMarks(),
      onDraw: () => this.pointer?.place(),
    });
    this.chart.root.setAttribute(
      "aria-label",
      "Units over steps. Arrow keys go through steps, Shift and arrow keys brush a range, Escape " +
        "removes it, plus and minus zoom.",
    );
    this.pointer = new RangePointer(this.chart, (range) => this.brush(range));
    this.list = new MatchList(this.root, {
      brush: ({ recording, match }) => session.set({ brush: [recording, match.first, match.last] }),
      point: (sequence, number) => this.pointAt(sequence, number),
    });
    this.themed = null; // not coloured yet
    this.show();
    this.showFound();
  }

  // The kernel draws something else.
  rebuild() {
    const about = this.session.model.get("_about");
    if (JSON.stringify(about.panels) !== this.built) {
      this.drop();
      this.build();
      return;
    }
    this.chart.run = about.run;
    this.show();
  }

  brush(range) {
    const { model, store } = this.session;
    const numbers = range && [range.first, range.last].map((step) => store.number(step));
    this.session.set({ brush: numbers && [model.get("sequence"), ...numbers] });
  }

  // The range in steps of the store; null where it is not in the sequence that is drawn.
  range() {
    const { model, store } = this.session;
    const [sequence, ...ends] = model.get("brush") ?? [null];
    if (sequence !== model.get("sequence")) return null;
    const [first, last] = ends.map((number) => Math.round(store.placeOf(number)));
    return { first, last };
  }

  pointAt(sequence, number) {
    const { model, store } = this.session;
    const step = sequence === model.get("sequence") ? Math.round(store.placeOf(number)) : null;
    const seen = step !== null && step >= store.first && step < store.next ? step : null;
    this.chart.mark(seen);
    tellPointer(this.chart.run, seen, this.chart);
  }

  news() {
    this.showFound();
    this.chart.refresh();
  }

  // What the controls say, whoever has changed it.
  show() {
    const { model, answers } = this.session;
    this.controls.show();
    const gone = model.get("_gone_on") ? "The stream has gone on: Renew looks through what it has kept now." : "";
    const empty = this.session.store.size ? "" : "No events yet: the units appear here once the stream rests.";
    const note = answers ? [model.get("error"), empty || gone].filter(Boolean).join(" ") : SAVED;
    this.note.hidden = !note;
    say(this.note, note);
    const share = model.get("_progress");
    this.progress.value = share;
    this.progress.style.visibility = share < 1 ? "visible" : "hidden";
    for (const { button } of this.list?.items ?? []) if (button) button.disabled = !answers;
    this.pointer?.show(this.range());
    if (!answers) this.showFound();
    if (this.themed !== model.get("theme")) this.colour();
    this.tell();
  }

  colour() {
    if (!this.list) return;
    this.themed = this.session.model.get("theme");
    this.chart.recolour();
    const { palette, dark } = this.chart;
    this.list.theme(palette, this.chart.font ?? "12px sans-serif", dark);
  }

  showFound() {
    if (!this.list) return;
    const { session, chart } = this;
    const { found, model, store } = session;
    const [sequence, start] = found?.drawn ?? [];
    const same = found && sequence === model.get("sequence") && start === model.get("start");
    const { units, counts } = this.local() ?? found ?? { units: [] };
    chart.marks.pinned = units;
    chart.together = same || this.local() ? { first: store.first, counts, units: units.length } : null;
    chart.refresh();
    this.list.show(found, model.get("_about").lengths.length > 1);
    for (const { button } of this.list.items) if (button) button.disabled = !session.answers;
    this.tell();
  }

  // Without a kernel: the hypothesis of a range that is not the one that was searched for.
  local() {
    const { answers, found, model, store } = this.session;
    const [brushed] = found?.strips ?? [];
    const range = this.range();
    if (answers || !range) return null;
    const first = brushed?.number + brushed?.at * brushed?.stride;
    if (brushed && !brushed.match && first === store.number(range.first) &&
        brushed.length === range.last - range.first + 1) return null;
    const names = ["quantity", "side", "threshold", "before", "after"];
    return hypothesisOf(store, range, Object.fromEntries(names.map((name) => [name, model.get(name)])));
  }

  tell() {
    const { found, model } = this.session;
    const brush = model.get("brush");
    const local = this.local();
    if (local) {
      const where = `${onUnits(local.units)}: ${onWhere(model)}. Without a kernel nothing is searched`;
      say(this.status, found ? `${where}; below are the matches that were found before.` : `${where}.`);
      return;
    }
    if (!found) {
      const hint = "Drag over the picture to brush a range of steps (a click brushes one), or search for a text.";
      say(this.status, model.get("error") || brush ? "" : hint);
      return;
    }
    const { units, total, strips } = found;
    const listed = strips.filter(({ match }) => match).length;
    const places = total === 1 ? "1 place" : `${total.toLocaleString("en")} places`;
    const shown = listed < total ? `${places}, of which ${listed} are listed.` : `${places}.`;
    if (!brush) say(this.status, `Searched for: ${shown}`);
    else if (!units.length) {
      const off = model.get("before") || model.get("after") ? " and off beside it" : "";
      say(this.status, `No unit is on at every step of the range${off}: lower the threshold, or brush fewer steps.`);
    }
    else {
      const where = total ? shown : `no place. ${this.stay()}`;
      say(this.status, `${onUnits(units)}: ${onWhere(model)}. Elsewhere: ${where}`);
    }
  }

  // Say how long the units stay on where the range is a part of that.
  stay() {
    const { store } = this.session;
    const { together } = this.chart;
    const range = this.range();
    if (!together || !range) return "";
    const all = (step) => together.counts[step - together.first] === together.units;
    let { first, last } = range;
    while (all(first - 1)) first--;
    while (all(last + 1)) last++;
    if (first === range.first && last === range.last) return "";
    const [from, to] = [first, last].map((step) => store.number(step).toLocaleString("en"));
    return `They stay on from step ${from} to ${to}; raise the threshold, or ask for units that are off before.`;
  }
}

function onUnits(units) {
  const names = units.slice(0, UNITS_NAMED).join(", ") + (units.length > UNITS_NAMED ? ", …" : "");
  const are = units.length === 1 ? "1 unit is on" : `${units.length} units are on`;
  return `${are} at every step of the range (${names})`;
}

// When a unit is on, in words.
function onWhere(model) {
  const name = QUANTITY_NAMES[model.get("quantity")].toLowerCase();
  const threshold = written(model.get("threshold"));
  const told = { above: `${name} ≥ ${threshold}`, below: `${name} ≤ −${threshold}`, magnitude: `|${name}| ≥ ${threshold}` };
  const beside = ["before", "after"].filter((side) => model.get(side));
  return [told[model.get("side")], ...beside.map((side) => `off ${model.get(side)} ${side}`)].join(", ");
}

export const patternMatch = widgetOf(PatternSession, PatternView);

export default patternMatch;
