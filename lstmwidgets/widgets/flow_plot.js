// Curves on a logarithmic axis over the steps before a prediction, with a pointer.

import { element, path } from "../live/drawing.js";
import { eventTicks, step125, written } from "../live/ticks.js";

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

export class FlowPlot {
  // options: {curves: () => [{name, label, colour, logs, dashed, wide, pale}], palette(),
  //           label: (lag) => text, onPoint(lag), onPick(lag)}
  constructor(parent, options) {
    Object.assign(this, options);
    this.lag = null; // under the pointer
    this.root = element(parent, "div", {
      class: "lw-chart lw-flow-chart", tabindex: "0", role: "group", "aria-roledescription": "chart",
      "aria-label": "Size of the gradient over the steps before the prediction. Arrow keys go through steps.",
    });
    this.canvas = element(this.root, "canvas", { class: "lw-canvas", role: "img" });
    this.pen = this.canvas.getContext("2d");
    this.cross = element(this.root, "div", { class: "lw-cross", hidden: "" });
    this.tip = element(this.root, "div", { class: "lw-tip", role: "tooltip", hidden: "" });
    const listeners = {
      pointermove: (event) => this.point(this.lagAt(event), event),
      pointerleave: () => this.point(null),
      keydown: (event) => this.press(event),
    };
    for (const [name, call] of Object.entries(listeners)) this.root.addEventListener(name, call);
    this.resized = new ResizeObserver(() => this.refresh());
    this.resized.observe(this.root);
  }

  close() {
    this.resized.disconnect();
    cancelAnimationFrame(this.frame);
  }

  refresh() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.draw());
  }

  draw() {
    const width = Math.floor(this.root.clientWidth);
    if (!width) return; // hidden for a moment
    const { canvas, pen } = this;
    const ratio = globalThis.devicePixelRatio || 1;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(FLOW_HEIGHT * ratio);
    canvas.style.height = `${FLOW_HEIGHT}px`;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.font = `12px ${getComputedStyle(this.root).fontFamily}`;
    pen.lineJoin = "round";
    const left = 58, right = 16;
    const curves = this.curves();
    const most = Math.max(1, ...curves.map(({ logs }) => logs.length - 1));
    this.scene = { left, room: width - left - right, most };
    this.scene.x = (lag) => left + this.scene.room * (1 - lag / most);
    const [low, high] = extent(curves);
    const bottom = FLOW_HEIGHT - FLOW_BOTTOM;
    const y = (log) => bottom - ((bottom - FLOW_TOP) * (log - low)) / (high - low);
    this.axes(low, high, y, bottom);
    pen.save();
    pen.beginPath();
    pen.rect(left, FLOW_TOP - 4, this.scene.room + 3, bottom - FLOW_TOP + 5);
    pen.clip();
    for (const curve of curves) this.line(curve, y);
    pen.restore();
    this.canvas.setAttribute("aria-label", this.told(curves));
    if (this.lag !== null) this.point(Math.min(this.lag, most));
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

  told(curves) {
    const most = Math.min(100, this.scene.most);
    const parts = curves
      .filter(({ dashed, logs }) => !dashed && logs.length > most)
      .map(({ label, logs }) => `${label} ${writtenPower(logs.at(-1 - most))}`);
    return `Size of the gradient ${most} steps before the prediction: ${parts.join(", ")}.`;
  }

  lagAt(event) {
    if (!this.scene) return null;
    const { left, room, most } = this.scene;
    const across = event.clientX - this.root.getBoundingClientRect().left - left;
    if (across < -6 || across > room + 6) return null;
    return Math.min(most, Math.max(0, Math.round(most * (1 - across / room))));
  }

  point(lag, event = null) {
    const changed = lag !== this.lag;
    this.lag = lag;
    this.cross.hidden = this.tip.hidden = lag === null;
    if (changed) this.onPoint?.(lag);
    if (lag === null || !this.scene) return;
    const x = this.scene.x(lag);
    this.cross.style.top = `${FLOW_TOP}px`;
    this.cross.style.height = `${FLOW_HEIGHT - FLOW_BOTTOM - FLOW_TOP}px`;
    this.cross.style.transform = `translateX(${x.toFixed(1)}px)`;
    this.showTip(lag, x, event);
  }

  showTip(lag, x, event) {
    const { tip } = this;
    tip.replaceChildren();
    const label = this.label(lag);
    const head = lag === 0 ? "at the prediction" : `${lag.toLocaleString("en")} step${lag > 1 ? "s" : ""} before`;
    element(tip, "div", { class: "lw-tip-head", text: label ? `${head}: ${label}` : head });
    for (const { label: name, logs, colour } of this.curves()) {
      if (logs.length <= lag) continue;
      const row = element(tip, "div", { class: "lw-tip-row" });
      const named = element(row, "span", { class: "lw-entry" });
      const swatch = element(named, "span", { class: "lw-swatch", "aria-hidden": "true" });
      swatch.style.setProperty("--lw-colour", colour);
      element(named, "span", { text: name });
      element(row, "b", { text: writtenPower(logs.at(-1 - lag)) });
    }
    const { offsetWidth: wide, offsetHeight: tall } = tip;
    const room = this.root.clientWidth;
    const across = x + 14 + wide > room ? x - 14 - wide : x + 14;
    const above = event ? event.clientY - this.root.getBoundingClientRect().top - 12 : FLOW_TOP;
    const down = Math.max(0, Math.min(above, FLOW_HEIGHT - tall));
    tip.style.transform = `translate(${Math.max(0, across)}px, ${down}px)`;
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== this.root) return;
    if (!this.scene) return;
    const { most } = this.scene;
    const from = this.lag ?? -1;
    const to = {
      ArrowLeft: from + 1, ArrowRight: Math.max(0, from - 1),
      PageUp: from + 20, PageDown: from - 20, Home: most, End: 0,
    }[event.key];
    if (event.key === "Escape") this.point(null);
    else if (to === undefined) return;
    else this.point(Math.min(most, Math.max(0, to)));
    event.preventDefault();
    event.stopPropagation();
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
