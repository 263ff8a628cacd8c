// Curves on a logarithmic axis over the steps before a prediction, with a pointer.

import { element, path, penOf } from "../live/drawing.js";
import { eventTicks, step125, written } from "../live/ticks.js";
import { PLOT_LEFT, PLOT_RIGHT, PointedPlot } from "./pointed_plot.js";

const FLOW_HEIGHT = 300, FLOW_BOTTOM = 34, FLOW_TOP = 10;
const DECADES = 40; // how far below the largest value the axis goes at most
const LEAST_DECADES = 2;

const RAISED = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
const power = (exponent) =>
  exponent === 0 ? "1" : `10${[...String(exponent)].map((letter) => RAISED[letter]).join("")}`;

// A number whose logarithm to the base of 10 is known, however small it is.
export function writtenPower(log) {
  if (Number.isNaN(log)) return "–";
  if (log === -Infinity) return "0";
  if (log >= -3 && log < 7) return written(10 ** log);
  const exponent = Math.floor(log + 1e-9);
  return `${(10 ** (log - exponent)).toFixed(1)}\u00a0×\u00a0${power(exponent)}`;
}

export class FlowPlot extends PointedPlot {
  // options: {curves: () => [{name, label, colour, logs, dashed, wide, pale}], palette(),
  //           label: (lag) => text, onPoint(lag)}
  constructor(parent, options) {
    super(parent, {
      class: "lw-chart lw-flow-chart",
      "aria-label": "Size of the gradient over the steps before the prediction. Arrow keys go through steps.",
    }, options);
    this.high = FLOW_HEIGHT;
    this.canvas = element(this.root, "canvas", { class: "lw-canvas", role: "img" });
  }

  draw(width) {
    const pen = (this.pen = penOf(this.canvas, width, FLOW_HEIGHT, this.font));
    const curves = this.curves();
    const most = Math.max(1, ...curves.map(({ logs }) => logs.length - 1));
    const left = PLOT_LEFT, room = width - PLOT_LEFT - PLOT_RIGHT;
    const bottom = FLOW_HEIGHT - FLOW_BOTTOM;
    this.scene = { left, room, most, top: FLOW_TOP, bottom, x: (lag) => left + room * (1 - lag / most) };
    const [low, high] = extent(curves);
    const y = (log) => bottom - ((bottom - FLOW_TOP) * (log - low)) / (high - low);
    this.axes(low, high, y, bottom);
    pen.save();
    pen.beginPath();
    pen.rect(left, FLOW_TOP - 4, room + 3, bottom - FLOW_TOP + 5);
    pen.clip();
    for (const curve of curves) this.line(curve, y);
    pen.restore();
    this.canvas.setAttribute("aria-label", this.inWords(curves));
    if (this.at !== null) this.point(Math.min(this.at, most));
  }

  line({ logs, colour, dashed, wide, pale }, y) {
    const { pen, scene } = this;
    pen.strokeStyle = colour;
    pen.lineWidth = wide ? 3 : dashed ? 1.5 : 1.8;
    pen.globalAlpha = pale ? 0.3 : 1;
    pen.setLineDash(dashed ? [5, 4] : []);
    const last = logs.length - 1;
    const at = (n) => (Number.isFinite(logs[n]) ? logs[n] : NaN);
    path(pen, { from: 0, to: last, at }, (n) => scene.x(last - n), y, scene.room);
    pen.setLineDash([]);
    pen.globalAlpha = 1;
  }

  axes(low, high, y, bottom) {
    const { pen, scene } = this;
    const palette = this.palette();
    pen.lineWidth = 1;
    pen.strokeStyle = palette.grid;
    pen.fillStyle = palette.muted;
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    pen.beginPath();
    const apart = Math.max(1, Math.round(step125(high - low, 7)));
    for (let tick = Math.ceil(low / apart) * apart; tick <= high; tick += apart) {
      const at = Math.round(y(tick)) + 0.5;
      pen.moveTo(scene.left, at);
      pen.lineTo(scene.left + scene.room, at);
      pen.fillText(power(tick), scene.left - 8, at);
    }
    pen.stroke();
    pen.textAlign = "center";
    const narrow = scene.room < 460;
    for (const [lag, text] of eventTicks(0, scene.most, scene.room / 90)) {
      if (lag === 0) continue;
      pen.fillText(text, scene.x(lag), bottom + 11);
    }
    pen.textAlign = "right";
    pen.fillText(narrow ? "prediction" : "the prediction", scene.left + scene.room + 8, bottom + 11);
    pen.textAlign = "center";
    pen.fillText("steps before the prediction", scene.left + scene.room / 2, bottom + 26);
  }

  inWords(curves) {
    const most = Math.min(100, this.scene.most);
    const parts = curves
      .filter(({ dashed, logs }) => !dashed && logs.length > most)
      .map(({ label, logs }) => `${label} ${writtenPower(logs.at(-1 - most))}`);
    return `Size of the gradient ${most} steps before the prediction: ${parts.join(", ")}.`;
  }

  placeOf(share) {
    const { most } = this.scene;
    return Math.min(most, Math.max(0, Math.round(most * (1 - share))));
  }

  across(lag) {
    return this.scene.x(lag);
  }

  point(lag, event = null) {
    if (lag !== this.at) this.onPoint(lag);
    super.point(lag, event);
  }

  told(tip, lag) {
    const label = this.label(lag);
    const head = lag === 0 ? "at the prediction" : `${lag.toLocaleString("en")} step${lag > 1 ? "s" : ""} before`;
    const rows = this.curves()
      .filter(({ logs }) => logs.length > lag)
      .map(({ label: name, logs, colour }) => [name, writtenPower(logs.at(-1 - lag)), { colour }]);
    tip.tell(label ? `${head}: ${label}` : head, rows);
  }

  goal(key) {
    const { most } = this.scene;
    const from = this.at ?? -1;
    const to = {
      ArrowLeft: from + 1, ArrowRight: from - 1, PageUp: from + 20, PageDown: from - 20, Home: most, End: 0,
    }[key];
    return to === undefined ? undefined : Math.min(most, Math.max(0, to));
  }
}

// From the smallest to the largest finite number, down to `DECADES` below that.
function extent(curves) {
  let low = Infinity, high = -Infinity;
  for (const { logs } of curves)
    for (const log of logs) {
      if (!Number.isFinite(log)) continue;
      if (log < low) low = log;
      if (log > high) high = log;
    }
  if (low > high) return [-LEAST_DECADES, 0.2];
  low = Math.max(low, high - DECADES);
  const missing = Math.max(0, LEAST_DECADES - (high - low));
  const margin = 0.03 * (high - low + missing);
  return [low - missing - margin, high + margin];
}
