// What the cell remembered over time, and the hand that moves through it.

import { diverging } from "../live/colors.js";
import { tellPointer } from "../live/pointer.js";

const HEIGHT = 84;
const CURVE = 52; // of it, for the values; labels stand below
const MOST = 160; // pixels of a label: a date with its time
const EDGE = 20; // half of the slider's thumb and its margin: thumb and bar stand above each other

export class Timeline {
  // store: whose run other pictures of the page are told of
  constructor(parent, onSeek, store) {
    this.element = document.createElement("div");
    this.element.className = "lw-timeline";
    this.canvas = document.createElement("canvas");
    this.canvas.setAttribute("aria-hidden", "true"); // the slider tells the same
    this.slider = document.createElement("input");
    Object.assign(this.slider, { type: "range", min: 0, step: 1 });
    this.slider.setAttribute("aria-label", "Step");
    this.slider.addEventListener("input", () => onSeek(Number(this.slider.value)));
    this.element.append(this.canvas, this.slider);
    parent.append(this.element);
    const placeOf = (event) => {
      const { left, width } = this.canvas.getBoundingClientRect();
      const share = (event.clientX - left - EDGE) / (width - 2 * EDGE);
      const last = Number(this.slider.max);
      return Math.min(last, Math.max(0, Math.round(share * last)));
    };
    const point = (event) => tellPointer(store.run, store.frames.steps[placeOf(event)] ?? null, this);
    const seek = (event) => {
      if (event.type === "pointermove" && !event.buttons) return;
      if (event.type === "pointerdown") this.canvas.setPointerCapture(event.pointerId);
      onSeek(placeOf(event));
    };
    this.canvas.addEventListener("pointerdown", seek);
    this.canvas.addEventListener("pointermove", seek);
    this.canvas.addEventListener("pointermove", point);
    this.canvas.addEventListener("pointerleave", () => tellPointer(store.run, null, this));
  }

  // values: c of the unit, or the layer's mean |c|; hovered: a step's number, or null.
  update(values, frames, position, layer, hovered) {
    this.slider.max = frames.length - 1;
    this.slider.value = position;
    this.slider.style.visibility = frames.length < 2 ? "hidden" : "";
    const text = `${frames.labels[position]}, step ${position + 1} of ${frames.length}`;
    this.slider.setAttribute("aria-valuetext", text);
    this.width = this.canvas.clientWidth || this.width;
    const { width } = this;
    if (!width) return;
    const ratio = globalThis.devicePixelRatio || 1;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(HEIGHT * ratio);
    const pen = this.canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const look = getComputedStyle(this.element);
    const colour = (name) => look.getPropertyValue(name).trim();
    const last = Math.max(1, frames.length - 1);
    const x = (n) => (frames.length === 1 ? width / 2 : EDGE + ((width - 2 * EDGE) * n) / last);
    this.curve(pen, values, frames.reach.c, x, colour, width, layer);
    const pointed = frames.steps.indexOf(hovered);
    if (pointed >= 0) this.mark(pen, x(pointed), colour);
    this.hand(pen, x(position), colour);
    this.words(pen, frames.labels, position, x, colour, look.fontFamily, width);
  }

  // Bars from zero. Where there are more steps than pixels, a pixel shows the farthest of its own.
  curve(pen, values, reach, x, colour, width, layer) {
    const most = values.reduce((far, value) => Math.max(far, Math.abs(value) || 0), 1e-6);
    const below = values.some((value) => value < 0);
    const zero = below ? CURVE / 2 + 2 : CURVE;
    const tall = below ? CURVE / 2 : CURVE - 4;
    pen.fillStyle = colour("--lw-line");
    pen.fillRect(EDGE, zero - 0.5, width - 2 * EDGE, 1);
    const apart = values.length > 1 ? x(1) - x(0) : 40;
    const bar = Math.max(1, Math.min(22, apart * 0.7));
    const columns = new Map();
    values.forEach((value, n) => {
      if (!Number.isFinite(value)) return;
      const column = apart < 1 ? Math.round(x(n)) : x(n);
      if (Math.abs(value) >= Math.abs(columns.get(column) ?? 0)) columns.set(column, value);
    });
    pen.strokeStyle = colour("--lw-casing");
    pen.lineWidth = 1;
    for (const [at, value] of columns) {
      const far = (value / most) * tall;
      // |c| has no sign; elsewhere even the smallest bar shows which it has.
      const share = Math.sign(value) * (0.4 + 0.6 * Math.min(1, Math.abs(value) / reach));
      pen.fillStyle = layer ? colour("--lw-casing") : diverging(share);
      pen.fillRect(at - bar / 2, Math.min(zero, zero - far), bar, Math.abs(far));
      if (bar > 4) pen.strokeRect(at - bar / 2, Math.min(zero, zero - far), bar, Math.abs(far));
    }
  }

  // What the pointer is at, here or in another picture of the same run.
  mark(pen, at, colour) {
    pen.fillStyle = colour("--lw-ink");
    pen.fillRect(at - 0.5, 0, 1, CURVE + 6);
  }

  hand(pen, at, colour) {
    pen.fillStyle = colour("--lw-accent");
    pen.fillRect(at - 1, 0, 2, CURVE + 6);
  }

  words(pen, labels, position, x, colour, font, width) {
    const y = HEIGHT - 8;
    const write = (text, at, room) => {
      const letters = [...text];
      let shown = text;
      while (letters.length > 1 && pen.measureText(shown).width > room) {
        letters.pop();
        shown = `${letters.join("")}…`;
      }
      const half = pen.measureText(shown).width / 2;
      const middle = Math.min(width - half - 1, Math.max(half + 1, at));
      pen.fillText(shown, middle, y);
      return [middle - half, middle + half];
    };
    pen.textAlign = "center";
    pen.font = `600 13px ${font}`;
    pen.fillStyle = colour("--lw-ink");
    const [from, to] = write(labels[position], x(position), Math.min(260, width - 20));
    pen.font = `12px ${font}`;
    pen.fillStyle = colour("--lw-muted");
    const apart = labels.length > 1 ? x(1) - x(0) : width;
    const longest = labels.reduce((long, label) => (label.length > long.length ? label : long), "");
    const widest = pen.measureText(longest).width;
    const every = Math.ceil((Math.min(widest, MOST) + 10) / apart);
    const room = Math.min(MOST, apart * every - 8);
    let taken = 0; // up to where the last label stands: the first one is moved into the picture
    for (let n = 0; n < labels.length; n += every) {
      const half = Math.min(room, pen.measureText(labels[n]).width) / 2;
      const middle = Math.min(width - half, Math.max(half, x(n)));
      const free = middle + half < from - 8 || middle - half > to + 8;
      if (n !== position && free && middle - half >= taken) [, taken] = write(labels[n], x(n), room);
    }
  }
}
