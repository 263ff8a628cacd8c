// One view of a cell inspector: controls, picture, equations and timeline.

import { diverging, gradient, sequential } from "../live/colors.js";
import { Picture } from "./cell_picture.js";
import { Store } from "./cell_store.js";
import { Timeline } from "./cell_timeline.js";
import {
  equations, explain, mathematics, nameOf, quantity, stageSentence, STAGES, stepSentence,
} from "./cell_words.js";
import { written } from "./cell_numbers.js";
import { keepKeys } from "../live/keys.js";
import { SAVED } from "../live/kernel.js";
import { isDark, onThemeChange } from "../live/theme.js";

const WIDE = 900; // from this width on, equations stand beside the picture
const PACES = [1, 2, 5, 10, 25];
const ICONS = {
  play: "M4 2.5v11l9-5.5z",
  pause: "M4 2.5h3v11H4zM9 2.5h3v11H9z",
  back: "M10.5 3v10L4 8z",
  on: "M5.5 3v10L12 8z",
};

function add(parent, tag, { text, ...attributes } = {}, listeners = {}) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  for (const [name, call] of Object.entries(listeners)) node.addEventListener(name, call);
  parent.append(node);
  return node;
}

function icon(button, name) {
  const size = { viewBox: "0 0 16 16", width: 14, height: 14, "aria-hidden": "true" };
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [key, value] of Object.entries(size)) svg.setAttribute(key, value);
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  button.querySelector("svg")?.remove();
  button.prepend(svg);
}

class View {
  constructor(store, element) {
    this.store = store;
    this.root = add(element, "div", {
      class: "lw-inspector",
      role: "group",
      "aria-label": "LSTM cell inspector",
      tabindex: "-1",
    });
    keepKeys(this.root);
    this.part = null; // under the pointer, or focused
    this.unit = null; // under the pointer
    this.choices();
    this.empty = add(this.root, "p", {
      class: "lw-empty", hidden: "",
      text: "No events yet: the cell appears here as soon as the live stream plays.",
    });
    this.main = add(this.root, "div", { class: "lw-main" });
    this.canvas = add(this.main, "div", { class: "lw-canvas" });
    this.picture = new Picture(this.canvas, {
      part: (part) => this.attend("part", part),
      unit: (unit) => this.attend("unit", unit),
      pick: (unit) => store.pick(unit),
    });
    this.caption = add(this.main, "p", { class: "lw-caption" });
    const time = add(this.main, "div", { class: "lw-time" });
    this.transport(time);
    this.timeline = new Timeline(time, (position) => store.seek(position), store);
    this.side();
    this.spoken = add(this.root, "p", { class: "lw-spoken", "aria-live": "polite" });
    this.root.addEventListener("keydown", (event) => this.press(event));
    this.resized = new ResizeObserver(() => this.refresh());
    this.resized.observe(this.root);
    this.forgetTheme = onThemeChange(() => this.refresh());
    store.views.add(this);
    this.refresh();
  }

  close() {
    this.store.views.delete(this);
    if (!this.store.views.size) this.store.pause();
    cancelAnimationFrame(this.frame);
    this.resized.disconnect();
    this.forgetTheme();
    this.root.remove();
  }

  choices() {
    const { store } = this;
    const bar = add(this.root, "div", { class: "lw-bar" });
    this.layerField = add(bar, "label", { text: "Layer " });
    this.layer = add(this.layerField, "select", { class: "lw-layer" }, {
      change: () => store.choose("layer", Number(this.layer.value)),
    });
    const toggle = add(bar, "div", { class: "lw-toggle", role: "group", "aria-label": "Show" });
    this.whole = add(toggle, "button", { type: "button", text: "Whole layer" }, {
      click: () => store.choose("unit", null),
    });
    this.one = add(toggle, "button", { type: "button", text: "One unit" }, {
      click: () => store.pick(this.last ?? store.frames.shown[0]),
    });
    this.unitField = add(bar, "label", { text: "Unit " });
    const number = { type: "number", min: 0, step: 1, class: "lw-unit" };
    this.number = add(this.unitField, "input", number, {
      input: () => {
        const { value } = this.number;
        const there = value === "" || store.pick(Number(value));
        this.wrong = there ? "" : `there is no unit ${value}`;
        this.refresh();
      },
      change: () => (this.number.value = store.unit ?? ""), // the one that is shown
    });
    this.note = add(bar, "span", { class: "lw-note" });
    this.still = add(bar, "span", { class: "lw-note", text: SAVED });
    const legend = add(bar, "div", { class: "lw-legend", "aria-hidden": "true" });
    const scale = (from, to, colours) => {
      const entry = add(legend, "span", { class: "lw-scale" });
      add(entry, "span", { text: from });
      add(entry, "span", { class: "lw-ramp" }).style.background = colours;
      add(entry, "span", { text: to });
    };
    scale("gate shut 0", "1 open", gradient(sequential, 0));
    scale("negative −", "+ positive", gradient(diverging, -1));
  }

  side() {
    const { store } = this;
    const side = add(this.main, "div", { class: "lw-side" });
    const head = add(side, "div", { class: "lw-side-head" });
    add(head, "span", { text: "One step, gate by gate" });
    this.slow = add(head, "button", { type: "button", class: "lw-slow" }, {
      click: () => store.toggle("stages"),
    });
    add(this.slow, "span");
    this.list = add(side, "ol", { class: "lw-equations" });
  }

  transport(parent) {
    const { store } = this;
    const bar = add(parent, "div", { class: "lw-bar lw-transport" });
    const button = (name, label, click) => {
      const about = { type: "button", "aria-label": label, title: label };
      const made = add(bar, "button", about, { click });
      icon(made, name);
      return made;
    };
    this.back = button("back", "One step back (left arrow)", () => this.go(-1));
    this.play = button("play", "Play (space)", () => store.toggle("steps"));
    this.on = button("on", "One step on (right arrow)", () => this.go(1));
    const field = add(bar, "label", { text: "Pace " });
    this.pace = add(field, "select", { class: "lw-pace" }, {
      change: () => {
        store.pace = Number(this.pace.value);
        store.changed();
      },
    });
    for (const pace of PACES) add(this.pace, "option", { value: pace, text: `${pace} a second` });
    this.where = add(bar, "span", { class: "lw-where" });
    this.drawnOver = add(bar, "span", { class: "lw-drawn" });
  }

  go(by) {
    this.store.pause();
    this.store.seek(this.store.time + by);
  }

  press(event) {
    const { target, key } = event;
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const slider = target === this.timeline.slider;
    if (target.matches("select, input") && !slider) return;
    const moves = {
      ArrowLeft: () => this.go(-1),
      ArrowRight: () => this.go(1),
      Home: () => this.go(-Infinity),
      End: () => this.go(Infinity),
    };
    const calls = { Escape: () => this.store.show(this.store.stage), ...(slider ? {} : moves) };
    if (target.tagName !== "BUTTON") calls[" "] = () => this.store.toggle("steps");
    if (!calls[key]) return;
    calls[key]();
    event.preventDefault();
    event.stopPropagation();
  }

  attend(what, value) {
    if (this[what] === value) return;
    this[what] = value;
    this.refresh();
  }

  // Several changes, one drawing.
  refresh() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = undefined;
      this.draw();
    });
  }

  draw() {
    const { store, root } = this;
    const { frames, unit } = store;
    const layer = unit === null;
    root.dataset.theme = isDark() ? "dark" : "light";
    root.dataset.size = root.clientWidth >= WIDE ? "wide" : "narrow";
    root.dataset.stage = store.stage;
    root.dataset.cell = frames.cell;
    root.dataset.position = store.time;
    root.dataset.unit = unit ?? "";
    root.classList.toggle("lw-playing", store.playing !== null);
    if (!layer) this.last = unit;
    this.drawChoices(frames, unit);
    root.classList.toggle("lw-empty", !frames.length);
    this.empty.hidden = frames.length > 0;
    if (!frames.length) return;
    const { look, step } = store;
    // Hidden for a moment, as while Lab changes its theme, it is drawn as it was.
    this.width = Math.floor(this.canvas.clientWidth) || this.width;
    const { width } = this;
    if (!width) return; // never shown yet; the observer tells when it is
    const { drawn } = store;
    const key = `${width} ${frames.cell} ${drawn.join()}`;
    if (key !== this.key) {
      const focused = this.picture.svg.querySelector(":focus")?.dataset.part;
      this.picture.build(width, frames.cell, drawn, drawn.map((each) => frames.place.get(each)));
      this.picture.parts[focused]?.focus({ preventScroll: true });
      this.key = key;
    }
    this.picture.update(step, look, layer, layer ? null : drawn.indexOf(unit));
    this.picture.hover(drawn.indexOf(this.unit));
    this.picture.stage(store.stage);
    this.picture.attend(this.part);
    this.drawEquations(frames, look, layer);
    this.drawCaption(frames, look, layer);
    this.drawTransport(frames);
    this.timeline.update(store.remembered, frames, store.time, layer, store.hovered);
  }

  drawChoices(frames, unit) {
    const layer = unit === null;
    if (this.layer.length !== frames.layers) {
      this.layer.replaceChildren();
      for (let n = 0; n < frames.layers; n++) {
        const place = n === 0 ? " (lowest)" : n === frames.layers - 1 ? " (top)" : "";
        add(this.layer, "option", { value: n, text: `${n}${place}` });
      }
    }
    this.layer.value = this.store.layer;
    this.layer.disabled = this.store.saved;
    this.layerField.hidden = frames.layers < 2;
    this.whole.setAttribute("aria-pressed", layer);
    this.one.setAttribute("aria-pressed", !layer);
    this.number.max = frames.hiddenSize - 1;
    this.unitField.hidden = layer;
    if (!layer && this.number !== this.root.getRootNode().activeElement) this.number.value = unit;
    const { drawn } = this.store;
    const all = frames.hiddenSize.toLocaleString("en");
    const some = frames.shown.length < frames.hiddenSize;
    const units = frames.hiddenSize > 1 ? "units" : "unit";
    const known = some ? `${frames.shown.length} of ${all}` : all;
    const notes = this.wrong && !layer ? [this.wrong] : [];
    notes.push(layer ? `averages over ${known} ${units}` : `of ${all}`);
    if (drawn.length < frames.hiddenSize) notes.push(`${drawn.length} of ${all} drawn`);
    this.note.textContent = notes.join(", ");
    this.still.hidden = !this.store.saved;
  }

  drawEquations(frames, look, layer) {
    const { store } = this;
    const rows = equations(frames.cell);
    if (this.list.dataset.cell !== frames.cell) {
      this.list.dataset.cell = frames.cell;
      this.list.replaceChildren();
      this.rows = rows.map(([part, stage, letters]) => {
        const row = add(this.list, "li", { "data-equation": part }, {
          pointerenter: () => this.attend("part", part),
          pointerleave: () => this.attend("part", null),
        });
        const button = add(row, "button", { type: "button" }, { click: () => store.show(stage) });
        add(button, "span", { class: "lw-badge", text: stage });
        add(button, "span", { text: part === "c" ? STAGES[3] : nameOf(part) });
        add(row, "div", { class: "lw-letters" }).append(mathematics(letters));
        const numbers = add(row, "div", { class: "lw-numbers" });
        return { row, button, numbers, stage, part };
      });
    }
    this.rows.forEach(({ row, button, numbers, stage, part }, n) => {
      row.classList.toggle("lit", store.stage === stage);
      row.classList.toggle("attended", this.part === part);
      row.classList.toggle("later", store.stage > 0 && stage > store.stage);
      button.setAttribute("aria-pressed", store.stage === stage);
      const now = look[part];
      row.dataset.value = now?.value ?? "";
      const values = Object.entries(look).map(([name, each]) => [name, each.value]);
      numbers.textContent = layer
        ? `mean ${quantity(part, now, layer, frames.cell)}, from ${written(now?.low)} to ${written(now?.high)}`
        : rows[n][3](Object.fromEntries(values));
    });
  }

  drawCaption(frames, look, layer) {
    const { store } = this;
    const part = this.picture.parts[this.part] ? this.part : null;
    const { cell } = frames;
    let text = stepSentence(look, store.unit);
    if (store.stage) text = stageSentence(store.stage, cell, look, layer);
    if (part) text = explain(part, cell, look, layer);
    if (part && this.unit !== null) text = this.unitSentence();
    this.caption.textContent = text;
    const { stage } = store;
    const told = stage
      ? `${STAGES[stage - 1]}. ${stageSentence(stage, cell, look, layer)}`
      : "";
    if (this.spoken.textContent !== told) this.spoken.textContent = told;
  }

  unitSentence() {
    const look = this.store.step.look(this.unit);
    const numbers = ["f", "i", "g", "o", "c", "h"].map((name) => quantity(name, look[name], false));
    return `Unit ${this.unit}: ${numbers.join(", ")}. Click to look at it alone.`;
  }

  drawTransport(frames) {
    const { store } = this;
    const playing = store.playing === "steps";
    icon(this.play, playing ? "pause" : "play");
    const label = playing ? "Pause (space)" : "Play (space)";
    this.play.setAttribute("aria-label", label);
    this.play.title = label;
    const slow = store.playing === "stages";
    icon(this.slow, slow ? "pause" : "play");
    this.slow.querySelector("span").textContent = slow ? "Pause" : "Play slowly";
    this.back.disabled = store.time === 0;
    this.on.disabled = store.time === frames.length - 1;
    this.play.disabled = frames.length < 2;
    this.pace.value = store.pace;
    this.where.replaceChildren();
    add(this.where, "b", { text: frames.labels[store.time] });
    const whose = store.unit === null ? "the layer's mean |c|" : `c of unit ${store.unit}`;
    this.drawnOver.textContent = `below: ${whose} over time`;
    add(this.where, "span", { text: ` · ${store.time + 1} of ${frames.length}` });
  }
}

export const cellInspector = () => {
  let store;
  return {
    initialize({ model }) {
      store = new Store(model);
      return () => store.close();
    },
    render({ el }) {
      const view = new View(store, el);
      store.check();
      return () => view.close();
    },
  };
};

export default cellInspector;
