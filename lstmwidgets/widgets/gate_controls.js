// The controls of GateLab: scenarios, their interventions, and the units ranked.

import { element, say } from "../live/drawing.js";
import { tellKernel } from "../live/kernel.js";
import { written } from "../live/ticks.js";

const PARTS = {
  forget_gate: "forget gate", input_gate: "input gate", candidate: "candidate", cell: "cell state",
  output_gate: "output gate", hidden: "hidden output",
};
const RANKED = 12; // units that are listed
const NEW = { part: "forget_gate", to: 1 };

const how = ({ to }) => (to === undefined || to === null ? "by" : "to");
const active = (node) => node.getRootNode().activeElement;
const isActive = (input) => active(input) === input && input.type !== "select-one";

export class GateControls {
  // view: its session, its box and what it pins
  constructor(view, parent) {
    this.view = view;
    this.session = view.session;
    const bar = element(parent, "div", { class: "lw-controls" });
    this.tabs = element(bar, "div", { class: "lw-scenarios", role: "tablist", "aria-label": "Scenarios" });
    this.makeButtons(bar);
    this.facts = element(parent, "div", { class: "lw-means", role: "status" });
    this.editor = element(parent, "div", { class: "lw-controls lw-editor", role: "group", "aria-label": "Interventions" });
    this.wrong = element(parent, "div", { class: "lw-wrong", role: "alert" });
    this.values = []; // of controls: [input, () => what it shows]
    this.boxes = []; // buttons that need a box
    this.makeRanking(parent);
  }

  get scenarios() {
    return this.session.get("scenarios");
  }

  get shown() {
    return this.session.get("shown");
  }

  send(scenarios, shown = this.shown) {
    this.session.edit("scenarios", { scenarios, shown });
  }

  change(changed) {
    this.send(this.scenarios.map((each, n) => (n === this.shown ? { ...each, ...changed } : each)));
  }

  changeIntervention(place, changed) {
    const { interventions } = this.scenarios[this.shown];
    this.change({ interventions: interventions.map((each, n) => (n === place ? changed(each) : each)) });
  }

  add(name, interventions) {
    this.send([...this.scenarios, { name, interventions }], this.scenarios.length);
  }

  // What the box is over: units and steps.
  get boxed() {
    const brush = this.session.model.get("brush");
    return brush ? { units: [...brush[0]].sort((a, b) => a - b), steps: brush[1] } : {};
  }

  show() {
    const { model, answers } = this.session;
    const { scenarios, shown } = this;
    this.renew("tabs", [scenarios.map(({ name }) => name), shown], () => this.showTabs());
    for (const button of this.buttons) button.disabled = !answers;
    const made = scenarios[shown]?.interventions.map((each) => [each.part, how(each)]);
    this.renew("editor", [shown, made, answers], () => this.showEditor());
    for (const [input, value] of this.values) if (!isActive(input)) input.value = value();
    for (const button of this.boxes) button.disabled = !model.get("brush");
    this.colour();
    this.showFacts();
    say(this.wrong, model.get("error"));
    this.showRanking();
  }

  // Make controls anew where others are needed. Whoever is at one of them stays there.
  renew(part, what, make) {
    const key = JSON.stringify(what);
    if (key === this[part].dataset.shows) return;
    this[part].dataset.shows = key;
    const name = this[part].contains(active(this[part])) ? active(this[part]).dataset.name : null;
    make();
    if (name) this.focus(this[part], name);
  }

  focus(part, name) {
    [...part.querySelectorAll("[data-name]")].find((each) => each.dataset.name === name)?.focus();
  }

  showTabs() {
    this.tabs.replaceChildren();
    const names = ["untouched", ...this.scenarios.map(({ name }) => name)];
    names.forEach((name, n) => {
      const tab = element(this.tabs, "button", {
        type: "button", role: "tab", class: "lw-tab", "aria-selected": n - 1 === this.shown,
        "data-name": `tab ${n}`,
      }, { click: () => this.pick(n - 1), keydown: (event) => this.move(event) });
      tab.tabIndex = n - 1 === this.shown ? 0 : -1;
      element(tab, "span", { class: "lw-swatch lw-line", "aria-hidden": "true" });
      element(tab, "span", { text: name });
    });
  }

  makeButtons(bar) {
    this.buttons = [
      this.button(bar, "New scenario", () =>
        this.add(`scenario ${this.scenarios.length + 1}`, [{ ...NEW, ...this.boxed }]),
        "Set the forget gate to 1, and change that as you like"),
      this.button(bar, "Keep in a file", () => this.download(), "Download all scenarios as a small file"),
      this.button(bar, "Open a file", () => this.open(), "Take the scenarios of a file"),
    ];
  }

  pick(shown) {
    if (this.session.answers) this.send(this.scenarios, shown);
  }

  move(event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    const shown = Math.max(-1, Math.min(this.scenarios.length - 1, this.shown + by));
    this.pick(shown);
    this.focus(this.tabs, `tab ${shown + 1}`);
    event.preventDefault();
    event.stopPropagation();
  }

  showEditor() {
    this.editor.replaceChildren();
    this.values = [];
    this.boxes = [];
    const scenario = this.scenarios[this.shown];
    this.editor.hidden = !scenario || !this.session.answers;
    if (this.editor.hidden) return;
    const head = element(this.editor, "div", { class: "lw-row" });
    this.field(head, "Name", "name", () => this.current.name, (name) => this.change({ name }));
    this.button(head, "Add intervention", () =>
      this.change({ interventions: [...this.current.interventions, { ...NEW, ...this.boxed }] }));
    this.button(head, "Remove scenario", () =>
      this.send(this.scenarios.filter((_, n) => n !== this.shown), this.shown - 1));
    scenario.interventions.forEach((_, place) => this.showIntervention(place));
  }

  get current() {
    return this.scenarios[this.shown];
  }

  showIntervention(place) {
    const { layers, steps: count } = this.session.model.get("_about");
    const row = element(this.editor, "div", { class: "lw-row", role: "group", "aria-label": `Intervention ${place + 1}` });
    const now = () => this.current?.interventions[place] ?? {};
    const set = (changed) => this.changeIntervention(place, (old) => ({ ...old, ...changed }));
    this.choice(row, "Part", `part ${place}`, PARTS, () => now().part, (part) => set({ part }));
    this.choice(row, "How", `how ${place}`, { to: "set to", by: "times" }, () => how(now()), (name) =>
      this.changeIntervention(place, ({ to, by, ...rest }) => ({ ...rest, [name]: to ?? by })));
    this.value(row, place, now);
    this.field(row, "Units", `units ${place}`, () => now().units?.join(", ") ?? "all", (text) => {
      const words = text.split(/[\s,;]+/).filter(Boolean);
      const all = !words.length || text.trim() === "all";
      set({ units: all ? null : words.map((word) => (/^\d+$/.test(word) ? Number(word) : word)) });
    });
    const steps = () => now().steps ?? [0, null];
    const bounds = { type: "number", min: 0, max: count - 1, step: 1 };
    this.field(row, "From step", `first ${place}`, () => steps()[0], (text) =>
      set({ steps: [Number(text), steps()[1]] }), bounds);
    this.field(row, "to", `last ${place}`, () => steps()[1] ?? "", (text) =>
      set({ steps: [steps()[0], text === "" ? null : Number(text)] }), { ...bounds, placeholder: "end" });
    if (layers > 1) {
      const names = Object.fromEntries(Array.from({ length: layers }, (_, n) => [n, `layer ${n}`]));
      this.choice(row, "Layer", `layer ${place}`, names, () => now().layer ?? layers - 1, (layer) =>
        set({ layer: Number(layer) }));
    }
    this.boxes.push(this.button(row, "Use the box", () => set(this.boxed), "Units and steps of the box in the heatmaps"));
    this.button(row, "Remove", () =>
      this.change({ interventions: this.current.interventions.filter((_, n) => n !== place) }));
  }

  // A number, and a slider over what it most often is.
  value(row, place, now) {
    const name = how(now());
    const set = (text) => Number.isFinite(Number(text)) && text !== "" &&
      this.changeIntervention(place, (old) => ({ ...old, [name]: Number(text) }));
    const low = name === "to" && ["candidate", "cell", "hidden"].includes(now().part) ? -1 : 0;
    const slider = element(row, "input", {
      type: "range", min: low, max: name === "by" ? 2 : 1, step: 0.01, "aria-label": "Value",
      "data-name": `slider ${place}`,
    }, { input: () => set(slider.value) });
    this.keep(slider, () => now()[name]);
    const exactly = { type: "number", step: 0.1, "aria-label": "Value, exactly" };
    this.field(row, "", `value ${place}`, () => now()[name], set, exactly);
  }

  // Let a control show a value, now and whenever that changes.
  keep(input, value) {
    input.value = value();
    this.values.push([input, value]);
  }

  field(parent, text, name, value, call, attributes = {}) {
    const label = element(parent, "label");
    if (text) element(label, "span", { text });
    const input = element(label, "input", { type: "text", ...attributes, "data-name": name }, {
      change: () => call(input.value),
    });
    this.keep(input, value);
  }

  choice(parent, text, name, options, value, call) {
    const select = element(parent, "select", { "aria-label": text, "data-name": name }, {
      change: () => call(select.value),
    });
    for (const [key, words] of Object.entries(options)) element(select, "option", { value: key, text: words });
    this.keep(select, value);
  }

  button(parent, text, call, title = text) {
    return element(parent, "button", { type: "button", text, title }, { click: call });
  }

  colour() {
    const { colours } = this.session.model.get("_about");
    const { palette } = this.view.chart ?? {};
    [...this.tabs.querySelectorAll(".lw-swatch")].forEach((swatch, n) =>
      swatch.style.setProperty("--lw-colour", palette?.[colours[n]] ?? colours[n] ?? "transparent"));
  }

  showFacts() {
    const { model } = this.session;
    const facts = model.get("_facts");
    const about = facts[this.shown + 1];
    if (!about) return say(this.facts, "");
    const before = facts[0].error === null ? "" : `Mean error ${written(facts[0].error)}`;
    if (this.shown < 0) return say(this.facts, before && `${before}.`);
    const after = before && `${before} untouched, ${written(about.error)} here. `;
    return say(this.facts, `${after}The predictions move by ${written(about.moved)} in the mean.`);
  }

  // Units by what becomes of the predictions without each of them

  makeRanking(parent) {
    this.ranking = element(parent, "div", { class: "lw-ranking", role: "group", "aria-label": "Units ranked" });
    const bar = element(this.ranking, "div", { class: "lw-controls" });
    this.rank = this.button(bar, "Rank the units", () => this.askForRanking(),
      "Silence one unit after the other and see what becomes of the predictions");
    this.progress = element(bar, "progress", { max: 1, "aria-label": "Units ranked so far" });
    this.told = element(this.ranking, "div", { class: "lw-means" });
    this.list = element(this.ranking, "ol", { class: "lw-ranked" });
  }

  askForRanking() {
    const running = this.session.model.get("_progress") < 1;
    tellKernel(this.session, { type: running ? "stop" : "rank" });
  }

  showRanking() {
    const { model, answers } = this.session;
    const done = model.get("_progress");
    const ranked = model.get("_ranked");
    this.rank.disabled = !answers;
    say(this.rank, done < 1 ? "Stop" : "Rank the units");
    this.progress.hidden = done >= 1;
    this.progress.value = done;
    const key = JSON.stringify(ranked);
    if (key === this.rankedOf) return;
    this.rankedOf = key;
    this.list.replaceChildren();
    if (!ranked.units) return;
    const what = ranked.by === "damage" ? "the error grows by so much" : "the predictions move by so much";
    const layer = model.get("_about").layers > 1 ? ` of layer ${ranked.layer}` : "";
    say(this.told, `Without a unit${layer} ${what}; a click silences it in a scenario of its own.`);
    const most = Math.max(...ranked.values.map(Math.abs)) || 1;
    ranked.units.slice(0, RANKED).forEach((unit, n) => {
      const item = element(element(this.list, "li"), "button", { type: "button", class: "lw-unit", "data-unit": unit }, {
        click: () => this.silence(unit, ranked.layer),
      });
      element(item, "span", { text: `unit ${unit}` });
      const bar = element(item, "span", { class: "lw-bar", "aria-hidden": "true" });
      bar.style.setProperty("--lw-share", Math.abs(ranked.values[n]) / most);
      element(item, "b", { text: written(ranked.values[n]) });
      const adds = ranked.adds[n];
      if (adds !== null) item.title = `It adds ${written(adds)} to the predictions as they are read out`;
    });
  }

  silence(unit, layer) {
    this.add(`unit ${unit} silent`, [{ part: "hidden", to: 0, units: [unit], layer }]);
  }

  // Files

  download() {
    const text = JSON.stringify(this.scenarios, null, 1);
    const link = element(null, "a", {
      href: `data:application/json;charset=utf-8,${encodeURIComponent(text)}`, download: "scenarios.json",
    });
    link.click();
  }

  open() {
    const input = element(null, "input", { type: "file", accept: ".json,application/json" });
    input.addEventListener("change", async () => {
      const [file] = input.files;
      if (!file) return;
      try {
        const scenarios = JSON.parse(await file.text());
        this.send(scenarios, scenarios.length - 1);
      } catch {
        say(this.wrong, `${file.name} holds no scenarios: it is no JSON.`);
      }
    });
    input.click();
  }
}
