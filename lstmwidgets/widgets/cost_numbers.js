// What an LSTM costs as numbers: counted from polynomials, read between what was measured, written.

export const COST_CONTENDERS = {
  lstmwidgets: { label: "lstmwidgets", colour: "model" },
  "eligibility rule": { label: "lstmwidgets, eligibility rule", colour: "model", dashed: true },
  "nn.LSTM": { label: "nn.LSTM", colour: "naive" },
  "ONNX Runtime": { label: "ONNX Runtime", colour: "#009e73" },
};
const COST_AUTOGRAD = "nn.LSTM, autograd"; // what learns by it
const COST_PURPLE = "#b0609a";

// Which charts there are; `unit` as `writtenCost` takes it.
export const COST_CHARTS = [
  { id: "parameters", title: "Parameters", unit: "" },
  { id: "flops_per_step", title: "Operations a step", unit: "" },
  { id: "memory", title: "Memory", unit: "B" },
  { id: "step", title: "A step", unit: "s" },
  { id: "event", title: "An event, predicted and learned", unit: "s" },
  { id: "batch", title: "A batch, forward and backward", unit: "s" },
];

const SCALES = {
  B: [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"], [1, "B"]],
  s: [[1, "s"], [1e-3, "ms"], [1e-6, "µs"], [1e-9, "ns"]],
};

// A number with its unit, in three digits; numbers without one are whole, unless they are brief.
export function writtenCost(value, unit, brief = false) {
  if (!(value > 0)) return "–";
  if (!unit)
    return brief
      ? value.toLocaleString("en", { notation: "compact", maximumSignificantDigits: 3 })
      : Math.round(value).toLocaleString("en");
  const scales = SCALES[unit];
  const [size, name] = scales.find(([size]) => value >= 0.9995 * size) ?? scales.at(-1);
  const digits = brief ? 1 : Math.max(3, Math.ceil(Math.log10(value / size)));
  return `${(value / size).toLocaleString("en", { maximumSignificantDigits: digits })}\u00a0${name}`;
}

// The value of a count: a polynomial for the first layer, another for each further one.
export function counted([first, further], hidden, layers) {
  const value = ([a, b, c]) => a + b * hidden + c * hidden ** 2;
  return value(first) + (layers - 1) * value(further);
}

// The value at a size of points [[size, value]] in order: straight between neighbours on logarithmic
// axes, nothing outside.
export function readBetween(points, hidden) {
  const after = points.findIndex(([size]) => size >= hidden);
  if (after < 0) return NaN;
  const [size, value] = points[after];
  if (size === hidden) return value;
  if (after === 0) return NaN;
  const [before, other] = points[after - 1];
  const share = Math.log(hidden / before) / Math.log(size / before);
  return other * (value / other) ** share;
}

// The curves of a chart for the cell and the layers that are chosen:
// {label, colour, dashed, at: hidden size -> value, points: those that were measured, or null}.
export function costCurves(chart, model) {
  const { counts } = model.get("_about");
  const cell = model.get("cell"), layers = model.get("num_layers");
  const count = (name) => (hidden) => counted(counts[cell][name], hidden, layers);
  if (chart === "parameters" || chart === "flops_per_step")
    return [{ label: "the LSTM", colour: "model", at: count(chart), points: null }];
  const chosen = model
    .get("_points")
    .filter((point) => point.cell === cell && point.num_layers === layers);
  const measured = (kind, contender, value) =>
    chosen
      .filter((point) => point.kind === kind && point.contender === contender)
      .map((point) => [point.hidden_size, point[value]]);
  const curve = (label, look, points) => ({ label, ...look, points, at: (hidden) => readBetween(points, hidden) });
  if (chart === "memory")
    return [
      { label: "weights", colour: "model", at: count("weight_bytes"), points: null },
      { label: "state of a stream", colour: "#009e73", at: count("state_bytes"), points: null },
      curve("kept for a batch's way back", { colour: COST_PURPLE }, measured("batch", "lstmwidgets", "kept_bytes")),
    ];
  const curves = [];
  for (const [name, { label, ...look }] of Object.entries(COST_CONTENDERS)) {
    const points = measured(chart, name, "seconds");
    const told = chart === "event" && name === "nn.LSTM" ? COST_AUTOGRAD : label;
    if (points.length) curves.push({ ...curve(told, look, points), name });
  }
  return curves;
}

// What is counted of the model itself, where a chart shows that: {hidden, value}, or null.
export function ownCost(chart, model) {
  const own = model.get("_own");
  const name = chart === "memory" ? "weight_bytes" : chart;
  return own[name] > 0 ? { hidden: own.hidden_size, value: own[name] } : null;
}

const times = (ratio) =>
  ratio.toLocaleString("en", { maximumFractionDigits: ratio >= 10 ? 0 : ratio >= 0.1 ? 1 : 2 });

// The chosen size in a few sentences.
export function costSaid(model) {
  const hidden = model.get("hidden_size");
  const { batch_size: batch, steps } = model.get("_about");
  const at = (chart) =>
    Object.fromEntries(costCurves(chart, model).map(({ name, label, at }) => [name ?? label, at(hidden)]));
  const step = at("step"), event = at("event"), whole = at("batch");
  const kept = at("memory")["kept for a batch's way back"];
  const units = `${hidden.toLocaleString("en")} unit${hidden > 1 ? "s" : ""}`;
  const said = [];
  if (step.lstmwidgets > 0) {
    const rate = Number((1 / step.lstmwidgets).toPrecision(2)).toLocaleString("en");
    const others = ["nn.LSTM", "ONNX Runtime"]
      .filter((name) => step[name] > 0)
      .map((name) => `${times(step[name] / step.lstmwidgets)} times what ${name} does`);
    said.push(`A step of ${units} takes ${writtenCost(step.lstmwidgets, "s")}: ${`${rate} a second`}${
      others.length ? `, ${others.join(" and ")}` : ""
    }.`);
  }
  if (event.lstmwidgets > 0) {
    const ratio = event["nn.LSTM"] / event.lstmwidgets;
    said.push(
      `Predicting and learning an event takes ${writtenCost(event.lstmwidgets, "s")}` +
        (ratio > 0 ? `; autograd takes ${times(ratio)} times that.` : "."),
    );
  }
  if (whole.lstmwidgets > 0)
    said.push(
      `A batch of ${batch} × ${steps} steps takes ${writtenCost(whole.lstmwidgets, "s")} forward and backward, ` +
        `and keeps ${writtenCost(kept, "B")} for the way back.`,
    );
  return said.join(" ") || `Times of ${units} are not measured.`;
}
