// The axis of events below the panels that share it: numbers, times or words.

import { element } from "./drawing.js";
import { timeTicks } from "./ticks.js";

export class Axis {
  constructor() {
    this.canvas = element(null, "canvas", { class: "lw-axis", "aria-hidden": "true" });
    this.pen = this.canvas.getContext("2d");
  }

  resize(width, ratio, words) {
    Object.assign(this, { width, ratio, words, height: words ? 62 : 22 });
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(this.height * ratio);
    this.canvas.style.height = `${this.height}px`;
  }

  draw({ store, start, end, room, x, first, last, palette, font }) {
    const { pen, ratio } = this;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, this.width, this.height);
    pen.font = font;
    pen.fillStyle = palette.muted;
    pen.strokeStyle = palette.frame;
    pen.beginPath();
    if (this.words) this.drawWords(store, first, last, x);
    else {
      const most = room / 96;
      const at = (step) => store.value("time", step);
      const times = store.timed && last > first && timeTicks(first, last, at, most);
      pen.textAlign = "center";
      pen.textBaseline = "top";
      let free = 0;
      const ticks = times || store.ticks(start, end, most);
      for (const [step, text] of ticks) {
        if (step < start || step > end) continue;
        pen.moveTo(x(step), 0);
        pen.lineTo(x(step), 4);
        const half = pen.measureText(text).width / 2;
        const at = Math.min(this.width - half - 2, Math.max(half + 2, x(step)));
        if (at - half < free) continue;
        pen.fillText(text, at, 6);
        free = at + half + 10;
      }
    }
    pen.stroke();
  }

  drawWords(store, first, last, x) {
    const { pen } = this;
    const apart = x(1) - x(0);
    const every = Math.max(1, Math.ceil(13 / apart));
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (let step = last; step >= first; step -= every) {
      pen.save();
      pen.translate(x(step) + 3, 8);
      pen.rotate(-0.9);
      pen.fillText(shortened(store.label(step), 12), 0, 0);
      pen.restore();
    }
  }
}

function shortened(text, most) {
  const letters = [...text];
  return letters.length > most ? `${letters.slice(0, most - 1).join("")}…` : text;
}
