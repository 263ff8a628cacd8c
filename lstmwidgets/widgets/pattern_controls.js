// What one sets of a search for patterns, and what that looks like when Python has set it.

import { element } from "../live/drawing.js";
import { step125, written } from "../live/ticks.js";

export const QUANTITY_NAMES = {
  cell: "Cell state c", hidden: "Hidden output h", input_gate: "Input gate i",
  forget_gate: "Forget gate f", candidate: "Candidate g", output_gate: "Output gate o",
};
const SIDE_NAMES = { above: "value ≥ threshold", below: "value ≤ −threshold", magnitude: "|value| ≥ threshold" };
const ORDER_NAMES = { overlap: "overlap of units", length: "length" };
const PLACES = 400; // of the slider

// JupyterLab keeps Enter from telling a change.
const whenTyped = (call) => ({ change: call, keydown: (event) => event.key === "Enter" && call() });

export class PatternControls {
  // session: {model, answers, set(traits)}
  constructor(session, parent) {
    this.session = session;
    const { model } = session;
    this.bars = []; // without a kernel hidden
    const bar = (name) => {
      const options = { class: "lw-controls lw-fields", role: "group", "aria-label": name };
      this.bars.push(element(parent, "div", options));
      return this.bars.at(-1);
    };
    const pattern = bar("Pattern");
    this.quantity = this.choice(pattern, "Quantity", "quantity", QUANTITY_NAMES);
    this.layer = this.choice(pattern, "Layer", "layer", {}, Number);
    this.side = this.choice(pattern, "On where", "side", SIDE_NAMES);
    // The slider's own arrow keys: in JupyterLab those of a focused element are the notebook's.
    this.slider = element(this.field(pattern, "Threshold"), "input", { type: "range" }, {
      input: () => session.set({ threshold: Number(Number(this.slider.value).toPrecision(9)) }),
    });
    this.threshold = this.number(pattern, "Threshold, exactly", "threshold", { hidden: true, step: "any" });
    this.before = this.number(pattern, "Off before", "before", { min: 0 });
    this.after = this.number(pattern, "Off after", "after", { unit: "steps", min: 0 });
    const search = bar("Matches");
    this.order = this.choice(search, "Rank by", "order", ORDER_NAMES);
    this.least = this.number(search, "Shared at least", "least", { unit: "units", min: 1, none: "half" });
    const typed = whenTyped(() => session.set({ text: this.text.value }));
    this.text = element(this.field(search, "Text"), "input", { type: "text", class: "lw-text" }, typed);
    this.column = this.choice(search, "in", "column", {});
    this.ends = [0, 1].map((place) => {
      const name = ["Lowest number", "Highest number"][place];
      const options = { type: "number", step: "any", class: "lw-end", "aria-label": name };
      const input = element(search, "input", options, whenTyped(() => this.typedBounds()));
      input.placeholder = ["from", "to"][place];
      return input;
    });
    this.sequence = this.choice(search, "Sequence", "sequence", {}, Number);
    this.makePages(search);
    const renew = { type: "button", text: "Renew", title: "Look through what the stream has kept now" };
    this.renew = element(search, "button", renew, { click: () => session.renew() });
    this.wrong = element(search, "span", { class: "lw-wrong", role: "alert" });
  }

  field(parent, text, hidden = false) {
    const label = element(parent, "label");
    element(label, "span", hidden ? { text, class: "lw-spoken" } : { text });
    return label;
  }

  choice(parent, text, trait, names, read = String) {
    const select = element(this.field(parent, text), "select", {}, {
      change: () => this.session.set({ [trait]: read(select.value) }),
    });
    this.fill(select, names);
    return select;
  }

  fill(select, names) {
    const key = JSON.stringify(names);
    if (select.dataset.names === key) return;
    select.dataset.names = key;
    select.replaceChildren();
    for (const [value, text] of Object.entries(names)) element(select, "option", { value, text });
  }

  number(parent, text, trait, { unit, hidden, min, step = 1, none } = {}) {
    const label = this.field(parent, text, hidden);
    const options = { type: "number", step, class: "lw-number", ...(min === undefined ? {} : { min }) };
    const input = element(label, "input", options, whenTyped(() => this.typed(input, trait, none)));
    if (none) input.placeholder = none;
    if (unit) element(label, "span", { text: unit });
    return input;
  }

  typed(input, trait, none) {
    const value = input.value === "" && none ? null : input.valueAsNumber;
    const whole = input.step === "any" || value === null || Number.isInteger(value);
    const enough = input.min === "" || value === null || value >= Number(input.min);
    if (Number.isNaN(value) || !whole || !enough) {
      const kind = input.step === "any" ? "a number" : `a whole number, ${input.min} or more`;
      this.say(`${input.labels[0].firstChild.textContent}: ${kind} is needed.`);
      this.show();
      return;
    }
    this.say("");
    this.session.set({ [trait]: value });
  }

  typedBounds() {
    const [low, high] = this.ends.map((input) => (input.value === "" ? null : input.valueAsNumber));
    if (low !== null && high !== null && low > high) {
      this.say("The lowest number must not be above the highest one.");
      return;
    }
    this.say("");
    this.session.set({ between: low === null && high === null ? null : [low, high] });
  }

  makePages(parent) {
    this.pages = element(parent, "span", { class: "lw-pages", role: "group", "aria-label": "Part that is drawn" });
    const turn = (by) => {
      const { model } = this.session;
      const { lengths, window } = model.get("_about");
      const most = Math.max(0, lengths[model.get("sequence")] - window);
      const start = Math.min(most, Math.max(0, model.get("start") + by * window));
      this.session.set({ start });
    };
    const button = (text, name, by) =>
      element(this.pages, "button", { type: "button", text, "aria-label": name }, { click: () => turn(by) });
    this.back = button("◀", "Earlier steps", -1);
    this.where = element(this.pages, "span");
    this.forth = button("▶", "Later steps", 1);
  }

  say(text) {
    this.wrong.textContent = text;
  }

  // What the controls say, whoever has changed it.
  show() {
    const { model, answers } = this.session;
    const about = model.get("_about");
    const get = (name) => model.get(name);
    const put = (input, value) => {
      if (input.getRootNode().activeElement !== input || !input.matches("[type=text]"))
        input.value = value ?? "";
    };
    const layers = Object.fromEntries(Array.from({ length: about.layers }, (_, n) => [n, String(n)]));
    this.fill(this.layer, layers);
    this.layer.parentElement.hidden = about.layers < 2;
    const names = (list) => Object.fromEntries(list.map((name) => [name, name]));
    const columns = [...about.columns, ...about.categories];
    this.fill(this.column, { "": "labels", ...names(columns) });
    this.column.parentElement.hidden = !columns.length;
    for (const end of this.ends) end.hidden = !about.columns.includes(get("column"));
    const [low, high] = get("between") ?? [null, null];
    put(this.ends[0], low);
    put(this.ends[1], high);
    this.fill(this.sequence, Object.fromEntries(about.lengths.map((_, n) => [n, String(n + 1)])));
    this.sequence.parentElement.hidden = about.lengths.length < 2;
    for (const name of ["quantity", "layer", "side", "order", "text", "column", "sequence"])
      put(this[name], get(name));
    for (const name of ["before", "after", "least"]) put(this[name], get(name));
    put(this.threshold, Number(get("threshold").toPrecision(4)));
    this.slider.min = 0;
    this.slider.step = step125(about.reach, PLACES);
    this.slider.max = about.reach;
    if (Number(this.slider.value) !== get("threshold")) this.slider.value = get("threshold");
    this.slider.setAttribute("aria-valuetext", written(get("threshold")));
    const length = about.lengths[get("sequence")], start = get("start");
    this.pages.hidden = length <= about.window;
    const end = Math.min(length, start + about.window);
    this.where.textContent =
      `${(start + 1).toLocaleString("en")} to ${end.toLocaleString("en")} of ${length.toLocaleString("en")}`;
    this.renew.hidden = !about.follows;
    for (const bar of this.bars) bar.hidden = !answers;
    this.back.disabled = start === 0;
    this.forth.disabled = end === length;
  }
}
