// What is known of a whole run, on an axis of its own: errors beside the naive forecast's, shares.

import { area, path, say } from "./drawing.js";
import { Panel } from "./panel.js";
import { numberTicks, written } from "./ticks.js";

const AXIS = 20; // pixels below the picture

// The metric over the whole run, on an axis of its own.
export class CurvePanel extends Panel {
  makeLegend() {
    this.entries = [this.entry("model", "model"), this.entry(this.spec.naive, "naive")];
  }

  // Steps, what the model scored up to each, and what the naive forecast did.
  columns({ curve }) {
    const first = 1 + 2 * this.spec.place;
    return [curve[0] ?? [], curve[first] ?? [], curve[first + 1] ?? []];
  }

  draw(scene) {
    const pen = this.begin(scene);
    const [steps, ...lines] = this.columns(scene.store);
    let low = Infinity, high = -Infinity;
    for (const line of lines)
      for (const value of line) {
        if (value < low) low = value;
        if (value > high) high = value;
      }
    if (low > high) [low, high] = [0, 1];
    const margin = 0.06 * (high - low) || Math.abs(high) * 0.1 || 1;
    const y = this.scale(scene, low - margin, high + margin, { bottom: AXIS });
    const { x, last } = this.across(scene, steps);
    this.frameOf(scene);
    for (const [name, width, line] of [["naive", 1.5, lines[1]], ["model", 1.8, lines[0]]]) {
      pen.strokeStyle = scene.palette[name];
      pen.lineWidth = width;
      const points = { from: 0, to: steps.length - 1, at: (n) => line[n] };
      path(pen, points, (n) => x(steps[n] ?? last), y, steps.length);
    }
    pen.restore();
  }

  // The horizontal axis: all steps; return where they stand, and the last one.
  across(scene, steps) {
    const last = Math.max(1, steps.at(-1) ?? 1);
    const x = (step) => scene.left + (scene.room * step) / last;
    if (steps.length) this.axis(scene, x, last);
    return { x, last };
  }

  axis(scene, x, last) {
    const { pen } = this;
    pen.fillStyle = scene.palette.muted;
    pen.textAlign = "center";
    const ticks = numberTicks(0, last, scene.room / 110).filter(([n]) => Number.isInteger(n));
    for (const [step, text] of ticks) {
      const half = pen.measureText(text).width / 2;
      const at = Math.min(scene.left + scene.room - half, x(step));
      pen.fillText(text, at, this.spec.height - 9);
    }
  }

  values() {
    return [];
  }

  tell(store) {
    const [, model, naive] = this.columns(store).map((column) => written(column.at(-1)));
    say(this.entries[0], model);
    say(this.entries[1], naive);
    const told = `model ${model}, ${this.spec.naive} ${naive}`;
    this.canvas.setAttribute("aria-label", `${this.spec.title}. ${told}.`);
  }
}

// The error of each step ahead: the first is the next event's.
export class HorizonsPanel extends CurvePanel {
  columns({ ahead }) {
    const { model, naive } = ahead ?? { model: [], naive: [] };
    const numbers = (list) => list.map((value) => value ?? NaN);
    return [model.map((_, n) => n + 1), numbers(model), numbers(naive)];
  }
}

// How far each expert of a mixture is trusted, stacked up to 1.
export class SharesPanel extends CurvePanel {
  makeLegend() {
    const others = this.spec.names.filter((name) => !SHARE_COLOURS[name]);
    this.colours = this.spec.names.map(
      (name) => SHARE_COLOURS[name] ?? OTHERS[others.indexOf(name)] ?? "#999999");
    this.spec.names.forEach((name, n) =>
      this.entry(name === "lstm" ? "LSTM" : name, this.colours[n], "box"));
  }

  columns({ curve }) {
    const { names, from } = this.spec;
    return [curve[0] ?? [], ...names.map((_, n) => curve[from + n] ?? [])];
  }

  draw(scene) {
    const pen = this.begin(scene);
    const [steps, ...shares] = this.columns(scene.store);
    const texts = [0, 50, 100].map((share) => [share / 100, `${share} %`]);
    const y = this.scale(scene, 0, 1, { bottom: AXIS, texts });
    const { x, last } = this.across(scene, steps);
    this.frameOf(scene);
    let below = steps.map(() => 0);
    shares.forEach((share, n) => {
      const above = below.map((value, k) => value + (share[k] ?? 0));
      pen.fillStyle = scene.palette[this.colours[n]] ?? this.colours[n];
      const [low, high] = [below, above].map((list) => (k) => list[k] ?? NaN);
      area(pen, 0, steps.length - 1, low, high, (k) => x(steps[k] ?? last), y);
      below = above;
    });
    pen.restore();
  }

  tell(store) {
    const [, ...shares] = this.columns(store).map((column) => column.at(-1));
    const told = this.spec.names.map((name, n) => `${name} ${Math.round(100 * shares[n])} %`);
    this.canvas.setAttribute("aria-label", `${this.spec.title}. ${told.join(", ")}.`);
  }
}

const SHARE_COLOURS = { lstm: "model", "last value": "naive" };
// As `plots/shares.py` has them, for reports.
const OTHERS = ["#e69f00", "#009e73", "#cc79a7", "#f0e442", "#999933", "#882255", "#56b4e9"];
