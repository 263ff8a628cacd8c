// How much a prediction feels of each step before it: curves, sliders, and the steps themselves.
//
// kernel -> page: {type: "curves", curves: [{name, steps, kinds, prediction}]}
//                 + [logarithms to the base of 10 in float32 (kinds, steps), of each curve]
// page -> kernel: {type: "hello"}

import { SAVED, tellKernel } from "../live/kernel.js";
import { element, say } from "../live/drawing.js";
import { float32, unpack } from "../live/store.js";
import { WidgetSession, widgetOf } from "../live/session.js";
import { WidgetView } from "../live/view.js";
import { FlowPlot, writtenPower } from "./flow_plot.js";
import { FlowWords } from "./flow_words.js";

const FLOW_CURVES = {
  model: { label: "your model", colour: "model" },
  rnn: { label: "plain RNN", colour: "naive" },
  standard: { label: "standard LSTM", colour: "#009e73" },
  peephole: { label: "peephole", colour: "#cc79a7" },
  full_gate_recurrence: { label: "full gate recurrence", colour: "#c07f00" },
  coupled: { label: "coupled gates", colour: "#8a9a00" },
  layer_norm: { label: "layer norm", colour: "#9970ab" },
};
const FLOW_PRODUCTS = ["model", "standard"]; // of which the product of forget gates is drawn
const FLOW_OF = { cell: "cell state", hidden: "hidden output", input: "input" };
const FLOW_SLIDERS = {
  length: { text: "Length", title: "How many steps before the prediction the fresh networks begin to read", min: 10, step: 10 },
  hidden_size: { text: "Hidden size", title: "Units of a layer of the fresh networks", min: 1, step: 1 },
  forget_bias: {
    text: "Forget bias", title: "Bias of the forget gates: at 0 they begin half open, at 5 nearly all the way",
    min: -2, max: 8, step: 0.1,
  },
  weight_scale: {
    text: "Weight scale", title: "All weights times this: at 1 as PyTorch draws them", min: 0, max: 4, step: 0.05,
  },
};
const LAG_TOLD = 100; // steps before the prediction at which the curves are compared in words

class FlowSession extends WidgetSession {
  constructor(model) {
    super(model);
    this.curves = {};
    this.due = model.get("_due");
    const listeners = {
      "msg:custom": (message, buffers) => message.type === "curves" && this.take(message, buffers),
      "change:_whole": () => this.takeWhole(),
      "change:_due": () => (this.due = model.get("_due")),
    };
    const shown = ["of", "step", "output", "layer", "relative", "shown", "theme", "error", "_about", "_due"];
    this.listen(listeners, [...shown, "with_own_weights", ...Object.keys(FLOW_SLIDERS)]);
    this.takeWhole();
    tellKernel(this, { type: "hello" });
  }

  takeWhole() {
    const [header, buffers] = unpack(this.model.get("_whole")) ?? [];
    if (header) this.take(header, buffers);
  }

  take({ curves }, buffers) {
    curves.forEach(({ name, steps, kinds, prediction }, n) => {
      const values = float32(buffers[n]);
      const logs = {};
      kinds.forEach((kind, k) => (logs[kind] = [...values.subarray(k * steps, (k + 1) * steps)]));
      this.curves[name] = { logs, prediction };
      this.due = this.due.filter((each) => each !== name);
    });
    this.each((view) => view.show());
  }

  // The curves that are drawn, as shares of what they are at the prediction where that is wanted.
  drawn(palette) {
    const { model } = this;
    const of = model.get("of"), relative = model.get("relative");
    const drawn = [];
    for (const name of Object.keys(FLOW_CURVES)) {
      const curve = this.curves[name];
      if (!curve || !model.get("shown").includes(name)) continue;
      const { label, colour } = FLOW_CURVES[name];
      const unit = relative ? curve.logs[of].at(-1) : 0;
      const shifted = (logs) => logs.map((log) => log - (Number.isFinite(unit) ? unit : 0));
      const look = { colour: palette[colour] ?? colour, wide: name === "model", pale: this.due.includes(name) };
      drawn.push({ ...look, name, label, logs: shifted(curve.logs[of]), dashed: false });
      if (of === "cell" && curve.logs.along && FLOW_PRODUCTS.includes(name))
        drawn.push({ ...look, name, label: `${label}: forget gates`, logs: shifted(curve.logs.along), dashed: true });
    }
    return drawn;
  }
}

class FlowView extends WidgetView {
  constructor(session, parent) {
    super(session, parent, {
      class: "lw-live lw-flow", "aria-label": "What a prediction feels of the past",
    });
    const { model } = session;
    this.makeChoices();
    this.message = element(this.root, "div", { class: "lw-message", role: "status", hidden: "" });
    this.makeToggles();
    this.plot = new FlowPlot(this.root, {
      curves: () => session.drawn(this.palette),
      palette: () => this.palette,
      label: (lag) => model.get("_about").labels[model.get("step") - lag],
      onPoint: (lag) => this.words.mark(lag === null ? null : model.get("step") - lag),
    });
    this.makeSliders();
    this.said = element(this.root, "p", { class: "lw-said", role: "status" });
    this.makeWords();
    this.begin();
  }

  close() {
    this.plot.close();
    super.close();
  }

  choice(parent, text, name, read) {
    const label = element(parent, "label");
    element(label, "span", { text });
    const select = element(label, "select", {}, {
      change: () => this.session.set(name, read(select.value)),
    });
    return { label, select };
  }

  check(parent, text, name, title) {
    const label = element(parent, "label", { title });
    const box = element(label, "input", { type: "checkbox" }, {
      change: () => this.session.set(name, box.checked),
    });
    element(label, "span", { text });
    return box;
  }

  makeChoices() {
    const bar = element(this.root, "div", { class: "lw-choices", role: "group", "aria-label": "What is drawn" });
    this.output = this.choice(bar, "Prediction", "output", (value) => (value === "" ? null : Number(value)));
    this.of = this.choice(bar, "Gradient with respect to the", "of", String).select;
    for (const [value, text] of Object.entries(FLOW_OF)) element(this.of, "option", { value, text });
    this.layer = this.choice(bar, "Layer", "layer", Number);
    this.relative = this.check(
      bar, "relative to the prediction's own step", "relative",
      "Each curve by what it is at the step of the prediction, so that all begin at 1",
    );
  }

  makeToggles() {
    const row = element(this.root, "div", { class: "lw-toggles", role: "group", "aria-label": "Curves" });
    this.toggles = {};
    for (const [name, { label, colour }] of Object.entries(FLOW_CURVES)) {
      const button = element(row, "button", { type: "button", class: "lw-toggle" }, {
        click: () => this.toggle(name),
      });
      const swatch = element(button, "span", { class: "lw-swatch", "aria-hidden": "true" });
      element(button, "span", { text: label });
      this.toggles[name] = { button, swatch, colour };
    }
    this.dashed = element(row, "span", {
      class: "lw-dashed", text: "through the product of the forget gates alone",
    });
  }

  toggle(name) {
    const shown = this.session.model.get("shown");
    const others = shown.filter((each) => each !== name);
    const all = others.length < shown.length ? others : [...shown, name];
    this.session.set("shown", Object.keys(FLOW_CURVES).filter((each) => all.includes(each)));
  }

  makeSliders() {
    const { model } = this.session;
    const about = model.get("_about");
    const bar = element(this.root, "div", {
      class: "lw-choices lw-sliders", role: "group", "aria-label": "Fresh networks",
    });
    element(bar, "b", {
      text: "Fresh networks",
      title: "Of every kind, beside your model: they have not learned anything",
    });
    const most = { length: about.longest, hidden_size: about.units };
    this.sliders = {};
    for (const [name, { text, title, ...range }] of Object.entries(FLOW_SLIDERS)) {
      const label = element(bar, "label", { class: "lw-slider", title });
      element(label, "span", { text });
      const input = element(label, "input", { type: "range", max: most[name], ...range }, {
        input: () => this.session.set(name, Number(input.value)),
      });
      this.sliders[name] = { input, output: element(label, "output") };
    }
    this.own = this.check(
      bar, "with your model's weights", "with_own_weights",
      "Those of your model's weights that have the same name and shape; sliders act on the others",
    );
  }

  makeWords() {
    const head = element(this.root, "div", { class: "lw-felt-head" });
    this.felt = element(head, "b");
    const label = element(head, "label");
    element(label, "span", { text: "Prediction at step" });
    this.step = element(label, "input", { type: "range", min: 0 }, {
      input: () => this.session.set("step", Number(this.step.value)),
    });
    this.stepSaid = element(label, "output");
    this.stepLabel = label;
    this.words = new FlowWords(this.root, {
      onPick: (step) => this.session.set("step", step),
      onPoint: (step) => {
        const lag = step === null ? null : this.session.model.get("step") - step;
        this.plot.point(lag === null || lag < 0 ? null : lag);
      },
    });
  }

  show() {
    const { session } = this;
    const { model, answers } = session;
    this.showTheme();
    this.showChoices();
    for (const [name, { button, swatch, colour }] of Object.entries(this.toggles)) {
      swatch.style.setProperty("--lw-colour", this.palette[colour] ?? colour);
      button.setAttribute("aria-pressed", model.get("shown").includes(name));
      button.classList.toggle("lw-due", session.due.includes(name));
    }
    this.dashed.hidden = model.get("of") !== "cell";
    for (const [name, { input, output }] of Object.entries(this.sliders)) {
      const value = model.get(name);
      if (Number(input.value) !== value) input.value = value;
      say(output, value.toLocaleString("en", { maximumFractionDigits: 2 }));
      input.disabled = !answers;
    }
    this.own.checked = model.get("with_own_weights");
    this.own.disabled = !answers;
    const error = model.get("error");
    const message = error || (answers ? "" : SAVED);
    this.message.hidden = !message;
    this.message.classList.toggle("lw-error", Boolean(error));
    say(this.message, message);
    say(this.said, this.compared());
    this.showWords();
    this.plot.refresh();
  }

  showChoices() {
    const { model, answers } = this.session;
    const about = model.get("_about");
    this.of.value = model.get("of");
    this.relative.checked = model.get("relative");
    const fill = ({ select, label }, texts, value) => {
      const key = JSON.stringify(texts);
      if (select.dataset.key !== key) {
        select.replaceChildren();
        for (const [own, text] of texts) element(select, "option", { value: own, text });
        select.dataset.key = key;
      }
      select.value = value;
      select.disabled = !answers;
      label.hidden = texts.length < 2;
    };
    const layers = Array.from({ length: about.layers }, (_, n) => {
      const name = { 0: ", the lowest", [about.layers - 1]: ", the top" }[n] ?? "";
      return [n, `${n}${name}`];
    });
    fill(this.layer, layers, model.get("layer"));
    const first = { classes: "the likeliest class", numbers: "the first number" }[about.task];
    const outputs = about.outputs.map((text, n) => [n, text]);
    const all = first && outputs.length > 1 ? [["", first], ...outputs.slice(0, 200)] : [];
    fill(this.output, all, model.get("output") ?? "");
  }

  showWords() {
    const { model, answers, curves } = this.session;
    const { labels } = model.get("_about");
    const step = model.get("step");
    const own = curves.model;
    this.step.max = labels.length - 1;
    this.step.value = step;
    this.step.disabled = !answers;
    this.stepLabel.hidden = labels.length < 2;
    say(this.stepSaid, (step + 1).toLocaleString("en") + ` of ${labels.length.toLocaleString("en")}`);
    say(this.felt, own ? `What the prediction (${own.prediction}) feels of the steps before it` : "");
    const of = model.get("of");
    this.words.show({ labels, step, logs: own?.logs[of] ?? [], answers, of: FLOW_OF[of] });
  }

  // The curves in words, some steps before the prediction.
  compared() {
    const { session } = this;
    const curves = session.drawn(this.palette).filter(({ dashed }) => !dashed);
    const [rnn, lstm] = ["rnn", "standard"].map((name) => curves.find((curve) => curve.name === name));
    if (!rnn || !lstm || session.due.some((name) => ["rnn", "standard"].includes(name))) return "";
    const lag = Math.min(LAG_TOLD, rnn.logs.length - 1, lstm.logs.length - 1);
    const [one, other] = [rnn, lstm].map(({ logs }) => logs.at(-1 - lag));
    const shares = this.session.model.get("relative") ? ", as shares of those at the prediction" : "";
    return (
      `${lag} steps before the prediction the gradients${shares}: plain RNN ${writtenPower(one)}, ` +
      `standard LSTM ${writtenPower(other)}. The RNN's is ${writtenPower(one - other)} of the LSTM's.`
    );
  }
}

export const gradientFlow = () => {
  let session;
  return {
    initialize({ model }) {
      session = new FlowSession(model);
      return () => session.close();
    },
    render({ el }) {
      const view = new FlowView(session, el);
      return () => view.close();
    },
  };
};

export default gradientFlow;
