// What an LSTM costs: six charts against the hidden size, and the size, the layers and the cell.
//
// page -> kernel: {type: "again"}   measure anew what is chosen

import { element, say } from "../live/drawing.js";
import { SAVED, tellKernel } from "../live/kernel.js";
import { WidgetSession } from "../live/session.js";
import { WidgetView } from "../live/view.js";
import { CostChart } from "./cost_chart.js";
import { COST_CHARTS, costCurves, costSaid, ownCost } from "./cost_numbers.js";

const COST_TRAITS = [
  "hidden_size", "num_layers", "cell", "measuring", "theme", "error", "_about", "_points", "_own", "_progress",
];
const COST_CELLS = {
  standard: "standard", peephole: "peephole", full_gate_recurrence: "full gate recurrence",
  coupled: "coupled gates", layer_norm: "layer norm",
};
const OCTAVE = 8; // places of the slider for each doubling of the hidden size

class CostView extends WidgetView {
  constructor(session, parent) {
    super(session, parent, {
      class: "lw-live lw-costs", "aria-label": "What an LSTM costs",
    }, { narrow: 0, medium: 560, wide: 900 });
    this.pointed = null;
    this.makeControls();
    this.progress = element(this.root, "progress", { max: 1, "aria-label": "Measured" });
    this.message = element(this.root, "div", { class: "lw-message", role: "status", hidden: "" });
    this.said = element(this.root, "p", { class: "lw-said", role: "status" });
    this.makeCharts();
    this.foot = element(this.root, "p", { class: "lw-cost-foot" });
    this.begin();
  }

  close() {
    cancelAnimationFrame(this.frame);
    super.close();
  }

  resize() {
    this.refresh();
  }

  makeControls() {
    const { session } = this;
    const about = session.model.get("_about");
    const bar = element(this.root, "div", { class: "lw-cost-bar", role: "group", "aria-label": "The LSTM" });
    const label = element(bar, "label", { class: "lw-speed" });
    element(label, "span", { text: "Hidden size" });
    this.places = sliderSizes(about.most_units);
    this.slider = element(label, "input", { type: "range", min: 0, max: this.places.length - 1 }, {
      input: () => session.set("hidden_size", this.places[this.slider.value]),
    });
    this.size = element(label, "output");
    const layers = Array.from({ length: about.most_layers }, (_, n) => [n + 1, n + 1]);
    this.layers = this.choice(bar, "Layers", layers, (value) => session.set("num_layers", Number(value)));
    this.cell = this.choice(bar, "Cell", Object.entries(COST_CELLS), (value) => session.set("cell", value));
    const controls = element(bar, "div", { class: "lw-controls" }); // a saved page has none of these
    this.button = element(controls, "button", { type: "button" }, { click: () => this.press() });
    this.reading = element(bar, "span", { class: "lw-reading" });
  }

  choice(bar, text, options, choose) {
    const label = element(bar, "label");
    element(label, "span", { text });
    const select = element(label, "select", {}, { change: () => choose(select.value) });
    for (const [value, name] of options) element(select, "option", { value, text: name });
    return select;
  }

  get isBusy() {
    const { model } = this.session;
    return model.get("measuring") && model.get("_progress") < 1;
  }

  press() {
    const { session } = this;
    if (this.isBusy) session.set("measuring", false);
    else if (!session.model.get("measuring")) session.set("measuring", true);
    else tellKernel(session, { type: "again" });
  }

  makeCharts() {
    const { session } = this;
    const { model } = session;
    this.grid = element(this.root, "div", {
      class: "lw-chart lw-cost-grid", tabindex: "0", role: "group", "aria-roledescription": "charts",
      "aria-label": "Costs against the hidden size. Arrow keys go through sizes, Enter chooses one.",
    }, { keydown: (event) => this.key(event), blur: () => this.point(null) });
    const { batch_size: batch, steps, window } = model.get("_about");
    const notes = { event: `window of ${window}`, batch: `${batch} × ${steps} steps` };
    this.charts = COST_CHARTS.map(
      (chart) =>
        new CostChart(this.grid, {
          ...chart,
          note: () => notes[chart.id] ?? "",
          missing: () => (this.isBusy ? "is being measured" : "not measured"),
          curves: () => costCurves(chart.id, model),
          own: () => ownCost(chart.id, model),
          sizes: () => this.sizes,
          hidden: () => model.get("hidden_size"),
          pointed: () => this.pointed,
          palette: () => this.palette,
          onPoint: (size) => this.point(size),
          onPick: (size) => size !== null && session.set("hidden_size", size),
        }),
    );
  }

  // Hidden sizes with a value in the charts, in order.
  get sizes() {
    const { model } = this.session;
    const own = model.get("_own").hidden_size;
    const cell = model.get("cell"), layers = model.get("num_layers");
    const measured = model.get("_points").filter((each) => each.cell === cell && each.num_layers === layers);
    const all = [
      ...model.get("_about").sizes, model.get("hidden_size"), ...(own ? [own] : []),
      ...measured.map((each) => each.hidden_size),
    ];
    return [...new Set(all)].sort((one, other) => one - other);
  }

  point(size) {
    if (size === this.pointed) return;
    this.pointed = size;
    this.refresh();
  }

  key(event) {
    if (event.target !== this.grid || event.ctrlKey || event.metaKey || event.altKey) return;
    const { sizes } = this;
    const at = sizes.indexOf(this.pointed ?? this.session.model.get("hidden_size"));
    const to = {
      ArrowLeft: Math.max(0, at - 1), ArrowRight: Math.min(sizes.length - 1, at + 1),
      Home: 0, End: sizes.length - 1,
    }[event.key];
    if (event.key === "Escape") this.point(null);
    else if (event.key === "Enter" && this.pointed !== null) this.session.set("hidden_size", this.pointed);
    else if (to === undefined) return;
    else this.point(sizes[to]);
    event.preventDefault();
    event.stopPropagation();
  }

  show() {
    const { model, answers } = this.session;
    this.showTheme();
    const hidden = model.get("hidden_size");
    const place = nearest(this.places, hidden);
    if (Number(this.slider.value) !== place) this.slider.value = place;
    this.slider.setAttribute("aria-valuetext", `${hidden} units`);
    say(this.size, hidden.toLocaleString("en"));
    this.layers.value = model.get("num_layers");
    this.cell.value = model.get("cell");
    const error = model.get("error");
    say(this.button, this.isBusy ? "Stop" : model.get("measuring") ? "Measure again" : "Measure");
    this.button.disabled = !answers;
    this.progress.value = model.get("_progress");
    this.progress.classList.toggle("lw-idle", !this.isBusy);
    const message = error || (answers ? "" : SAVED);
    this.message.hidden = !message;
    this.message.classList.toggle("lw-error", Boolean(error));
    say(this.message, message);
    say(this.said, costSaid(model));
    say(this.foot, this.footnote());
    this.refresh();
  }

  footnote() {
    const { input_size: inputs, threads, missing } = this.session.model.get("_about");
    const others = missing
      ? `nn.LSTM has the standard cell. For ONNX Runtime's line: pip install ${missing}.`
      : "nn.LSTM and ONNX Runtime have the standard cell.";
    return (
      `${inputs} input${inputs > 1 ? "s" : ""}, float32. Parameters, operations, weights and state are counted; dots were ` +
      `measured on one machine, with ${threads} thread${threads > 1 ? "s" : ""} for PyTorch and one for all else, ` +
      `contenders in turn; lines between dots are interpolated. ${others}`
    );
  }

  refresh() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => {
      const size = this.pointed ?? this.session.model.get("hidden_size");
      say(this.reading, `Values at ${size.toLocaleString("en")} unit${size > 1 ? "s" : ""}`);
      for (const chart of this.charts) chart.draw();
    });
  }
}

// Sizes of the slider, each an eighth of an octave from the next, but whole.
function sliderSizes(most) {
  const sizes = new Set();
  for (let place = 0; 2 ** (place / OCTAVE) <= most; place++) sizes.add(Math.round(2 ** (place / OCTAVE)));
  return [...sizes.add(most)];
}

const nearest = (places, size) =>
  places.reduce((best, each, n) => (Math.abs(Math.log(each / size)) < Math.abs(Math.log(places[best] / size)) ? n : best), 0);

export const costPanel = () => {
  let session;
  return {
    initialize({ model }) {
      session = new WidgetSession(model);
      session.listen({}, COST_TRAITS);
      return () => session.close();
    },
    render({ el }) {
      const view = new CostView(session, el);
      return () => view.close();
    },
  };
};

export default costPanel;
