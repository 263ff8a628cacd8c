// What a page knows of a run: the last events in rings, the curve over all of them.
//
// kernel -> page: {type: "frame", seq, whole, next, count, position, words, columns, labels?, classes?,
//                  origin?, stride?, noun?, drifts?, ahead?, late?: [[step, target]], curve: {from, count},
//                  units?: {count, maps, shown?, rows, borders}}
//                 + [events (columns, count), curve (1 + 2 x metrics + shares, count), units (count, maps, rows)]
// page -> kernel: {type: "whole"}           something is missing
//                 {type: "pace", seconds}   how long the page needs between two frames

import { eventTicks } from "./ticks.js";

const MOST_NUMBERS = 6_000_000; // of units that a page keeps: 24 MB
const MOST_EVENTS = 20_000;

export const float64 = (view) =>
  new Float64Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
export const float32 = (view) =>
  new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));

export class RunStore {
  // window: events in view; a page keeps more of them, so that one can look back.
  stride = 1;
  origin = 0;
  noun = "event";

  constructor(window) {
    this.window = window;
    this.seq = 0;
    this.capacity = Math.max(window, Math.min(4 * window, MOST_EVENTS));
    this.forget();
  }

  forget() {
    this.first = this.next = 0; // steps kept: first ... next - 1
    this.position = 0;
    this.columns = new Map();
    this.labels = null;
    this.classes = [];
    this.drifts = [];
    this.ahead = null; // of a forecaster: {step, values, lower, upper, model, naive}
    this.curve = []; // steps, and of each metric the model's and the naive forecast's
    this.shown = []; // units that are drawn, from below
    this.sent = []; // the same, and others behind them
    this.borders = []; // rows before which another cluster begins
    this.maps = [];
    this.units = null;
    this.unitsFrom = 0; // the first step whose units are known
    this.reach = new Map(); // of maps with a sign: the farthest from zero
  }

  get size() {
    return this.next - this.first;
  }

  // Take in a frame; return whether nothing is missing.
  take(header, buffers) {
    if (!header.whole && header.seq <= this.seq) return true; // a copy of it came before
    const missed = !header.whole && header.seq !== this.seq + 1;
    this.seq = header.seq;
    const begin = header.next - header.count;
    if (header.whole) {
      this.forget();
      ({ stride: this.stride = 1, origin: this.origin = 0, noun: this.noun = "event" } = header);
    }
    if (header.whole || begin !== this.next) this.first = this.unitsFrom = begin;
    this.next = header.next;
    this.position = header.position;
    this.words = header.words;
    if (header.classes) this.classes = header.classes;
    if (header.ahead) this.ahead = header.ahead;
    if (header.drifts) this.drifts = header.drifts;
    this.takeEvents(header, float64(buffers[0]), begin);
    this.takeCurve(header.curve, float64(buffers[1]));
    if (header.units) this.takeUnits(header.units, float32(buffers[2]));
    for (const [step, target] of header.late ?? [])
      if (step >= this.first) this.columns.get("target")[step % this.capacity] = target;
    this.first = Math.max(this.first, this.next - this.capacity);
    this.unitsFrom = Math.max(this.unitsFrom, this.first);
    return !missed;
  }

  takeEvents({ columns, labels, count }, values, begin) {
    columns.forEach((name, n) => {
      let ring = this.columns.get(name);
      if (!ring) this.columns.set(name, (ring = new Float64Array(this.capacity).fill(NaN)));
      for (let k = Math.max(0, count - this.capacity); k < count; k++)
        ring[(begin + k) % this.capacity] = values[n * count + k];
    });
    if (!labels) return;
    this.labels ??= new Array(this.capacity).fill("");
    labels.forEach((label, k) => (this.labels[(begin + k) % this.capacity] = label));
  }

  takeCurve({ from, count }, values) {
    const columns = count ? values.length / count : this.curve.length;
    for (let n = 0; n < columns; n++) {
      const column = (this.curve[n] ??= []);
      column.length = Math.min(column.length, from);
      for (let k = 0; k < count; k++) column.push(values[n * count + k]);
    }
  }

  takeUnits({ count, maps, shown, rows, borders }, values) {
    if (shown) {
      this.sent = shown;
      this.shown = shown.slice(0, rows);
      this.borders = borders;
      this.maps = maps;
      const room = Math.floor(MOST_NUMBERS / (maps.length * shown.length));
      this.columnsKept = Math.max(1, Math.min(this.capacity, Math.max(room, this.window)));
      this.units = new Float32Array(this.columnsKept * maps.length * shown.length);
      this.unitsFrom = this.next - count;
    }
    if (!this.units) return; // a page that waits for all of it
    const width = this.maps.length * this.sent.length;
    const begin = this.next - count;
    for (let k = Math.max(0, count - this.columnsKept); k < count; k++)
      this.units.set(
        values.subarray(k * width, (k + 1) * width),
        ((begin + k) % this.columnsKept) * width,
      );
    this.unitsFrom = Math.max(this.unitsFrom, this.next - this.columnsKept);
  }

  // Let the units that are drawn stand in other rows.
  arrange(shown) {
    const places = shown.map((unit) => this.sent.indexOf(unit));
    const rows = this.sent.length;
    const moved = new Float32Array(shown.length);
    for (let at = 0; at < this.units.length; at += rows) {
      for (let row = 0; row < places.length; row++) moved[row] = this.units[at + places[row]];
      this.units.set(moved, at);
    }
    this.shown = shown;
    this.sent = [...shown, ...this.sent.slice(shown.length)];
  }

  value(column, step) {
    return this.columns.get(column)?.[step % this.capacity] ?? NaN;
  }

  // Where the values of a map at a step begin.
  place(map, step) {
    const rows = this.sent.length;
    return ((step % this.columnsKept) * this.maps.length + this.maps.indexOf(map)) * rows;
  }

  unit(map, step, row) {
    if (!this.units || step < this.unitsFrom || step >= this.next) return NaN;
    return this.units[this.place(map, step) + row];
  }

  label(step) {
    const label = this.labels?.[step % this.capacity];
    if (label) return label;
    const time = this.value("time", step);
    return Number.isNaN(time) ? `${this.noun} ${this.number(step).toLocaleString("en")}` : moment(time);
  }

  // What a step is called, which may have been counted before, several apart.
  number(step) {
    return this.origin + this.stride * step;
  }

  placeOf(number) {
    return (number - this.origin) / this.stride;
  }

  ticks(start, end, most) {
    const ticks = eventTicks(this.number(start), this.number(end), most);
    return ticks.map(([number, text]) => [this.placeOf(number), text]);
  }

  get timed() {
    return this.size > 0 && !Number.isNaN(this.value("time", this.next - 1));
  }
}

// The steps of what is sent whole each time: as many as it has.
export class WholeStore extends RunStore {
  take(header, buffers) {
    if (header.whole && header.window) this.window = this.capacity = header.window;
    return super.take(header, buffers);
  }
}

const LONG_DATE = new Intl.DateTimeFormat("en-GB", {
  weekday: "short", day: "numeric", month: "short", year: "numeric", timeZone: "UTC",
});
const TIME_OF_DAY = new Intl.DateTimeFormat("en-GB", {
  hour: "2-digit", minute: "2-digit", timeZone: "UTC",
});

export const moment = (time) =>
  `${LONG_DATE.format(time)}${time % 86_400_000 ? `, ${TIME_OF_DAY.format(time)}` : ""}`;

// The whole of a run from one block of bytes: see `Frame.to_bytes`.
export function unpack(view) {
  if (!view?.byteLength) return null;
  const start = view.byteOffset;
  const length = new DataView(view.buffer, start, 8).getFloat64(0, true);
  const text = new TextDecoder().decode(new Uint8Array(view.buffer, start + 8, length));
  const header = JSON.parse(text);
  let at = start + 8 + length;
  const buffers = header.sizes.map((size) => {
    const part = new DataView(view.buffer, at, size);
    at += size;
    return part;
  });
  return [header, buffers];
}
