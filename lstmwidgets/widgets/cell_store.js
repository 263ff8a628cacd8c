// What all views of one inspector share: the recording, what of it is shown, and who plays it.
//
// kernel -> page: the traits, {type: "append", seq, dropped, labels, steps, position} + buffer
// page -> kernel: the traits, {type: "current", seq}: what it has; if that is old, it gets all

import { tellKernel, watchKernel } from "../live/kernel.js";
import { Frames, Step } from "./cell_numbers.js";
import { pointer } from "../live/pointer.js";
import { STAGES } from "./cell_words.js";

const STAGE_MS = 3600; // enough to read a sentence
const MOST_DRAWN = 128; // units in a strip

export class Store {
  constructor(model) {
    this.model = model;
    this.views = new Set();
    this.playing = null; // "steps", "stages" or null
    this.pace = 5; // steps a second
    this.stage = 0; // 1 to 5 while a step is looked at gate by gate
    this.asked = false;
    this.run = model.get("_run");
    this.hovered = null; // step under the pointer in this or another picture
    this.read();
    for (const name of ["position", "unit", "layer"]) this[name] = model.get(name);
    const listeners = {
      "change:_frames": () => this.read(),
      "change:_run": () => (this.run = model.get("_run")),
      "msg:custom": (message, buffers) => this.receive(message, buffers),
    };
    for (const name of ["position", "unit", "layer"])
      listeners[`change:${name}`] = () => {
        this[name] = model.get(name);
        this.changed();
      };
    for (const [name, call] of Object.entries(listeners)) model.on(name, call);
    const moved = ({ detail }) => detail.run === this.run && this.hover(detail.step);
    pointer.addEventListener("move", moved);
    const forgetKernel = watchKernel(model, (answers) => {
      this.answers = answers;
      this.changed();
    });
    this.close = () => {
      this.pause();
      pointer.removeEventListener("move", moved);
      forgetKernel();
      for (const [name, call] of Object.entries(listeners)) model.off(name, call);
    };
  }

  read() {
    const { reach } = (this.run === this.model.get("_run") && this.frames) || {};
    this.run = this.model.get("_run");
    this.frames = new Frames({ reach, ...this.model.get("_frames") });
    this.asked = false;
    this.changed();
  }

  receive(message, buffers) {
    if (message.type !== "append") return;
    if (message.seq === this.frames.seq + 1) {
      this.frames.append(message, buffers[0]);
      this.position = message.position;
      this.changed();
    } else if (message.seq > this.frames.seq && !this.asked) {
      this.asked = true;
      this.check();
    }
  }

  // A page that was loaded anew, or a message that was lost: the kernel sends what is missing.
  check() {
    tellKernel(this, { type: "current", seq: this.frames.seq });
  }

  // step: its number in the run; null: the pointer is elsewhere.
  hover(step) {
    if (this.hovered === step) return;
    this.hovered = step;
    for (const view of this.views) view.refresh();
  }

  changed() {
    this.stepNow = null;
    for (const view of this.views) view.refresh();
  }

  // The kernel may know of fewer steps than asked for a moment ago.
  get time() {
    return Math.min(Math.max(0, this.position), this.frames.length - 1);
  }

  get step() {
    return (this.stepNow ??= new Step(this.frames, this.time));
  }

  get look() {
    return this.step.look(this.unit);
  }

  // Units to draw: evenly spaced if there are many, the chosen one among them.
  get drawn() {
    const { shown } = this.frames;
    if (shown.length <= MOST_DRAWN) return shown;
    const every = (shown.length - 1) / (MOST_DRAWN - 1);
    const units = Array.from({ length: MOST_DRAWN }, (_, n) => shown[Math.round(n * every)]);
    if (this.unit === null || units.includes(this.unit)) return units;
    const far = units.map((unit) => Math.abs(unit - this.unit));
    units[far.indexOf(Math.min(...far))] = this.unit;
    return units;
  }

  // c over time: of the unit, or the layer's mean |c|.
  get remembered() {
    const { frames, unit } = this;
    const of = `${frames.seq} ${unit}`;
    if (this.curve?.of !== of || this.curve.frames !== frames)
      this.curve = { of, frames, values: this.memory() };
    return this.curve.values;
  }

  memory() {
    const { frames, unit } = this;
    const places = unit === null ? frames.shown.map((_, n) => n) : [frames.place.get(unit)];
    const own = (time) => (places[0] === undefined ? NaN : frames.recorded(time, "c", places[0]));
    return frames.rows.map((_, time) => {
      if (unit !== null) return own(time);
      const sizes = places.map((place) => Math.abs(frames.recorded(time, "c", place)));
      const known = sizes.filter(Number.isFinite);
      return known.reduce((sum, size) => sum + size, 0) / known.length;
    });
  }

  choose(name, value) {
    if (this[name] === value) return;
    this[name] = value;
    this.model.set(name, value);
    this.model.save_changes();
    this.changed();
  }

  seek(position) {
    if (!this.frames.length) return;
    this.choose("position", Math.min(Math.max(0, position), this.frames.length - 1));
  }

  // Whether there is no more than what is here: neither a kernel nor all of it in the page.
  get saved() {
    return !this.answers && !this.frames.whole;
  }

  // Of a wide layer a saved page has only some units: the nearest of them.
  pick(unit) {
    const { shown, hiddenSize } = this.frames;
    if (!Number.isInteger(unit) || unit < 0 || unit >= hiddenSize) return false;
    const far = shown.map((each) => Math.abs(each - unit));
    this.choose("unit", this.answers ? unit : shown[far.indexOf(Math.min(...far))]);
    return true;
  }

  show(stage) {
    this.pause();
    this.stage = this.stage === stage ? 0 : stage;
    this.changed();
  }

  toggle(what) {
    if (!this.frames.length) return;
    const pausing = this.playing === what;
    this.pause();
    if (pausing) return;
    this.playing = what;
    this.stage = what === "stages" ? 1 : 0;
    const last = this.frames.length - 1;
    if (what === "steps" && this.time === last) this.seek(0);
    this.later();
    this.changed();
  }

  later() {
    const wait = this.playing === "stages" ? STAGE_MS : 1000 / this.pace;
    this.timer = setTimeout(() => this.advance(), wait);
  }

  advance() {
    if (this.playing === "stages") {
      this.stage = (this.stage + 1) % (STAGES.length + 1);
      if (this.stage === 0) this.playing = null;
    } else {
      this.seek(this.time + 1);
      if (this.time === this.frames.length - 1) this.playing = null;
    }
    if (this.playing) this.later();
    this.changed();
  }

  pause() {
    clearTimeout(this.timer);
    if (this.playing === null) return;
    this.playing = null;
    this.changed();
  }
}
