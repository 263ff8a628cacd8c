// The steps before a prediction, as words or numbers, shaded by what the prediction feels of them.

import { element } from "../live/drawing.js";
import { writtenPower } from "./flow_plot.js";

const MOST_CHIPS = 300;
const MOST_NUMBERED = 60; // of steps whose names say no more than their number
const FULL = 62; // percent of colour behind what is felt most

// Labels such as "step 7" and "event 1,207" say no more than their number.
const NUMBERED = /^\D+ ([\d,]+)$/;
const isNumbered = (labels) => labels.every((label) => NUMBERED.test(label));

export class FlowWords {
  // options: {onPick(step), onPoint(lag)}
  constructor(parent, options) {
    Object.assign(this, options);
    this.root = element(parent, "div", { class: "lw-felt", role: "group" });
    this.line = element(this.root, "div", { class: "lw-felt-words" });
  }

  // Of all labels those up to the prediction are shaded; a click chooses another prediction.
  show({ labels, step, logs, answers, of }) {
    if (labels !== this.labels) this.numbered = isNumbered(labels);
    const most = this.numbered ? MOST_NUMBERED : MOST_CHIPS;
    const after = Math.min(labels.length, step + 1 + most);
    const first = Math.max(0, step + 1 - most);
    const largest = Math.max(...logs.slice(-most).filter(Number.isFinite));
    this.root.setAttribute("aria-label", `What this prediction feels of each step's ${of}`);
    if (this.first !== first || this.labels !== labels || this.after !== after)
      this.build(labels, first, after);
    this.chips.forEach((chip, n) => {
      const lag = step - (first + n);
      const log = lag < 0 ? NaN : logs.at(-1 - lag) ?? NaN;
      const share = Number.isFinite(log) ? 10 ** (log - largest) : 0;
      chip.style.setProperty("--lw-share", `${(FULL * share).toFixed(1)}%`);
      chip.dataset.share = share.toFixed(3);
      chip.classList.toggle("lw-later", lag < 0);
      chip.classList.toggle("lw-here", lag === 0);
      chip.setAttribute("aria-pressed", lag === 0);
      chip.disabled = !answers;
      chip.title = lag < 0 ? "after the prediction" : `gradient ${writtenPower(log)}`;
    });
  }

  build(labels, first, after) {
    Object.assign(this, { labels, first, after });
    this.line.replaceChildren();
    if (first > 0) element(this.line, "span", { class: "lw-earlier", text: `… ${first.toLocaleString("en")} earlier` });
    this.line.classList.toggle("lw-numbered", this.numbered);
    this.chips = labels.slice(first, after).map((label, n) =>
      element(this.line, "button", {
        type: "button", class: "lw-chip", "aria-label": label, "data-step": first + n,
        text: this.numbered ? NUMBERED.exec(label)[1] : label,
      }, {
        click: () => this.onPick(first + n),
        pointerenter: () => this.onPoint(first + n),
        pointerleave: () => this.onPoint(null),
        focus: () => this.onPoint(first + n),
        blur: () => this.onPoint(null),
      }));
    if (after < labels.length)
      element(this.line, "span", { class: "lw-earlier", text: `${(labels.length - after).toLocaleString("en")} later …` });
  }

  mark(step) {
    for (const [n, chip] of (this.chips ?? []).entries())
      chip.classList.toggle("lw-pointed", step !== null && this.first + n === step);
  }
}
