// The numbers of a step: what was recorded, and what follows from it.
//
// Of every unit and step six numbers are recorded: i, f, g, o, c, h. The state before the step, the
// products and what went into σ and tanh are computed from them.

const RECORDED = ["i", "f", "g", "o", "c", "h"];
export const GATES = new Set(["i", "f", "o", "i0", "f0", "o0", "u0"]);
const SMALLEST_GATE = 1e-3; // by which a float32 can be divided without making up digits
const SAMPLE = 3000; // numbers by which colours are scaled
const SAME = 2e-3; // what the step before may differ by and still be the one that led here

const asFloats = (view) =>
  new Float32Array(
    view instanceof ArrayBuffer
      ? view.slice(0)
      : view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength),
  );

// One layer of a recording, as the kernel sends it.
export class Frames {
  constructor(state) {
    Object.assign(this, state);
    this.shown ??= Array.from({ length: this.hiddenSize }, (_, unit) => unit);
    this.labels = [...state.labels];
    this.steps = [...state.steps];
    this.rows = this.split(state.values);
    this.place = new Map(this.shown.map((unit, place) => [unit, place]));
    this.measure();
  }

  split(values) {
    const size = RECORDED.length * this.shown.length;
    const floats = asFloats(values);
    return Array.from({ length: floats.length / size }, (_, n) =>
      floats.subarray(n * size, (n + 1) * size),
    );
  }

  append({ dropped, labels, steps, seq }, values) {
    for (const list of [this.labels, this.steps, this.rows]) list.splice(0, dropped);
    this.labels.push(...labels);
    this.steps.push(...steps);
    this.rows.push(...this.split(values));
    this.seq = seq;
    this.measure();
  }

  // How far the colours of c and h reach: nine of ten numbers lie within, so that a few units with
  // a large memory do not leave all others pale. It only ever grows: colours stay comparable.
  measure() {
    const units = this.shown.length;
    const every = Math.ceil((this.rows.length * units) / SAMPLE);
    const most = (from) => {
      const sizes = [];
      for (let n = 0; n < this.rows.length * units; n += every) {
        const size = Math.abs(this.rows[Math.floor(n / units)][from * units + (n % units)]);
        if (size < Infinity) sizes.push(size);
      }
      sizes.sort((one, other) => one - other);
      return sizes[Math.floor(0.9 * sizes.length)] ?? 0;
    };
    const { c = 0.02, h = 0.02 } = this.reach ?? {};
    this.reach = { c: Math.max(c, most(4)), h: Math.max(h, most(5)) };
  }

  get length() {
    return this.steps.length;
  }

  recorded(time, name, place) {
    return this.rows[time][RECORDED.indexOf(name) * this.shown.length + place];
  }

  follows(time) {
    return time > 0 && this.steps[time] - this.steps[time - 1] === 1;
  }

  // Whether the state before was zero: then all of the cell is new.
  starts(time) {
    const row = this.rows[time];
    const units = this.shown.length;
    for (let n = 0; n < units; n++) {
      const old = row[4 * units + n] - row[n] * row[2 * units + n];
      if (!(Math.abs(old) < 1e-6)) return false;
    }
    return true;
  }

  scale(name) {
    if (["c", "c0", "fc", "ig", "lc"].includes(name)) return this.reach.c;
    if (name === "h" || name === "h0") return this.reach.h;
    return name?.startsWith("z") ? 4 : 1; // σ(4) = 0.98: nearly closed or open
  }
}

const logit = (p) => Math.log(p / (1 - p));

function ofUnit(frames, time, place, starts) {
  const at = (name, when = time) => frames.recorded(when, name, place);
  const all = Object.fromEntries(RECORDED.map((name) => [name, at(name)]));
  const { i, f, g, o, c, h } = all;
  const follows = frames.follows(time);
  const before = (name) => (starts ? 0 : follows ? at(name, time - 1) : NaN);
  for (const name of ["i", "f", "o", "h"]) all[`${name}0`] = before(name);
  all.u0 = (all.i0 + all.f0 + all.o0) / 3;
  // A model that learns runs its window again with new weights: then the recorded step before is
  // not quite the one that led here, and the equation itself says what c was.
  all.c0 = before("c");
  const fits = Math.abs(f * all.c0 + i * g - c) <= SAME * Math.max(1, Math.abs(c));
  if (!fits) all.c0 = f > SMALLEST_GATE ? (c - i * g) / f : NaN;
  all.fc = f * all.c0;
  all.ig = i * g;
  const normed = frames.cell === "layer_norm";
  all.tc = !normed ? Math.tanh(c) : o > SMALLEST_GATE ? h / o : NaN;
  all.lc = normed ? Math.atanh(Math.max(-1, Math.min(1, all.tc))) : c;
  for (const name of ["i", "f", "o"]) all[`z${name}`] = logit(all[name]);
  all.zg = Math.atanh(g);
  return all;
}

const only = (value) => ({
  value,
  size: Math.abs(value),
  positive: Math.max(value, 0),
  negative: Math.max(-value, 0),
});

function average(numbers) {
  let [count, sum, positive, negative, low, high] = [0, 0, 0, 0, Infinity, -Infinity];
  for (const value of numbers) {
    if (!Number.isFinite(value)) continue;
    count++;
    sum += value;
    if (value > 0) positive += value;
    else negative -= value;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  const [p, n] = [positive / count, negative / count]; // NaN if there is none
  return { value: sum / count, size: p + n, positive: p, negative: n, low, high };
}

// What there is to see at one step: of each unit, and on average over the layer.
export class Step {
  constructor(frames, time) {
    const starts = frames.starts(time);
    this.frames = frames;
    this.label = frames.labels[time];
    this.units = frames.shown.map((_, place) => ofUnit(frames, time, place, starts));
  }

  // By name {value, size, positive, negative}; size is |value|, or its average. null stands for the
  // layer. Of a unit that is still on its way there is nothing.
  look(unit) {
    if (unit == null) {
      const names = Object.keys(this.units[0]);
      return Object.fromEntries(names.map((name) => [name, average(this.all(name))]));
    }
    const numbers = this.units[this.frames.place.get(unit)] ?? {};
    return Object.fromEntries(Object.entries(numbers).map(([name, v]) => [name, only(v)]));
  }

  all(name) {
    return this.units.map((numbers) => numbers[name]);
  }
}

export function written(value, digits = 2) {
  if (Number.isNaN(value) || value == null) return "–";
  const sign = value < 0 ? "−" : "";
  const size = Math.abs(value);
  if (size === Infinity) return `${sign}∞`;
  if (size >= 1e5) return sign + size.toExponential(1).replace("e+", "e");
  if (size >= 100) return sign + size.toFixed(0);
  if (size >= 10) return sign + size.toFixed(Math.min(digits, 1));
  const text = size.toFixed(size < 0.0995 ? digits + 1 : digits);
  return Number(text) === 0 ? text : sign + text; // no "−0.00"
}

export const inBrackets = (value) => (value < 0 ? `(${written(value)})` : written(value));

export const percent = (value) =>
  Number.isFinite(value) ? `${Math.round(100 * value)}\u00a0%` : "–";
