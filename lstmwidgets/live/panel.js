// A panel of a picture: it draws itself on a canvas of its own from what the store holds.

import { element } from "./drawing.js";
import { numberTicks } from "./ticks.js";

// A long name without its middle: names often begin alike.
export const middle = (name, most = 26) =>
  name.length > most ? `${name.slice(0, most / 2)}…${name.slice(1 - most / 2)}` : name;

export class Panel {
  constructor(spec, parent, chart) {
    this.spec = spec;
    this.chart = chart;
    const section = { class: "lw-panel", "data-panel": spec.id, "data-kind": spec.kind };
    this.element = element(parent, "section", section);
    const head = element(this.element, "div", { class: "lw-head" });
    this.fold = element(head, "button", { type: "button", class: "lw-fold" }, {
      click: () => chart.fold(spec.id, !this.folded),
    });
    element(this.fold, "span", { class: "lw-arrow", "aria-hidden": "true" });
    const [name, more] = spec.title.split(":");
    element(this.fold, "span", { text: name });
    if (more) element(this.fold, "span", { class: "lw-more", text: `:${more}` });
    this.legend = element(head, "div", { class: "lw-legend" });
    this.canvas = element(this.element, "canvas", { class: "lw-canvas", role: "img" });
    this.pen = this.canvas.getContext("2d");
    this.entries = [];
    this.setFolded(false);
    this.makeLegend();
  }

  setFolded(folded) {
    this.folded = folded;
    this.element.classList.toggle("lw-folded", folded);
    this.fold.setAttribute("aria-expanded", !folded);
  }

  makeLegend() {}

  entry(label, colour, style = "line") {
    const entry = element(this.legend, "span", { class: "lw-entry" });
    const swatch = element(entry, "span", { class: `lw-swatch lw-${style}`, "aria-hidden": "true" });
    swatch.dataset.colour = colour;
    element(entry, "span", { class: "lw-label", text: middle(label), title: label });
    return style === "line" ? element(entry, "b") : null;
  }

  colourLegend(palette) {
    for (const swatch of this.legend.querySelectorAll("[data-colour]"))
      swatch.style.setProperty("--lw-colour", palette[swatch.dataset.colour] ?? swatch.dataset.colour);
  }

  resize(width, ratio) {
    this.width = width;
    this.ratio = ratio;
    const [across, down] = [Math.round(width * ratio), Math.round(this.spec.height * ratio)];
    if (this.canvas.width !== across) this.canvas.width = across;
    if (this.canvas.height !== down) this.canvas.height = down;
    this.canvas.style.height = `${this.spec.height}px`;
  }

  // Clear the canvas and return its pen, in CSS pixels.
  begin(scene) {
    const { pen, ratio } = this;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, this.width, this.spec.height);
    pen.font = scene.font;
    pen.lineJoin = "round";
    pen.setLineDash([]);
    return pen;
  }

  // Grid and numbers of the vertical axis; return where a value stands.
  scale(scene, low, high, { bottom = 4, top = 4, texts = null } = {}) {
    const { pen } = this;
    const height = this.spec.height - bottom;
    const y = (value) => height - ((height - top) * (value - low)) / (high - low || 1);
    const ticks = texts ?? numberTicks(low, high, Math.max(2, height / 28));
    pen.lineWidth = 1;
    pen.strokeStyle = scene.palette.grid;
    pen.fillStyle = scene.palette.muted;
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    pen.beginPath();
    for (const [value, text] of ticks) {
      const at = Math.round(y(value)) + 0.5;
      pen.moveTo(scene.left, at);
      pen.lineTo(scene.left + scene.room, at);
      pen.fillText(text, scene.left - 8, Math.min(height - 3, Math.max(6, at)), scene.left - 10);
    }
    pen.stroke();
    return y;
  }

  sayNothing(scene) {
    const { pen } = this;
    pen.fillStyle = scene.palette.muted;
    pen.textAlign = "center";
    pen.fillText("No event yet", scene.left + scene.room / 2, this.spec.height / 2);
  }

  frameOf(scene) {
    const { pen } = this;
    pen.save();
    pen.beginPath();
    pen.rect(scene.left, 0, scene.room, this.spec.height);
    pen.clip();
  }
}
