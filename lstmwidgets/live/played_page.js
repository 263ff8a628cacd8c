// Stands in for the kernel of a run that is over: it plays again, out of what the page holds of it.

import { float32, float64, unpack } from "./store.js";

const LONGEST = 0.1; // seconds for which events come at once, however long the page was asleep

export class PlayedRun {
  // model: of a page without a kernel; its views are made after this
  constructor(model) {
    this.model = model;
    const [header, buffers] = unpack(model.get("_whole"));
    this.whole = header;
    this.first = header.next - header.count;
    this.next = header.next; // all of it is shown until it plays
    this.events = float64(buffers[0]);
    this.curve = float64(buffers[1]);
    this.units = header.units && float32(buffers[2]);
    this.seq = this.due = 0;
    model.set("_whole", null);
    model.set("_about", { ...model.get("_about"), learns: false }); // it cannot learn again,
    model.set("settings", {}); // nor as another model
    model.send = (message) => this.answer(message);
    model.on("change:playing", () => this.turn());
  }

  answer({ type }) {
    if (type === "hello" || type === "whole") this.send(this.first, true);
    else if (type === "step") {
      this.model.set("playing", false);
      this.take(1);
      this.rest();
    } else if (type === "stop") {
      this.model.set("playing", false);
      this.model.set("state", "stopped");
    }
  }

  turn() {
    if (this.frame) cancelAnimationFrame(this.frame);
    if (!this.model.get("playing")) return this.rest();
    if (this.over) this.begin();
    this.model.set("state", "playing");
    this.drawn = performance.now();
    this.frame = requestAnimationFrame(() => this.move());
  }

  rest() {
    this.model.set("state", this.next === this.whole.next ? "finished" : "paused");
  }

  get over() {
    return this.next === this.whole.next || this.model.get("state") === "stopped";
  }

  begin() {
    this.next = this.first;
    this.due = 0;
    this.send(this.first, true);
  }

  move() {
    const now = performance.now();
    this.due += (this.model.get("speed") ?? Infinity) * Math.min((now - this.drawn) / 1000, LONGEST);
    this.drawn = now;
    const events = Math.min(Math.floor(this.due), this.whole.count);
    this.due = Math.max(0, Math.min(this.due, this.whole.count) - events);
    if (events) this.take(events);
    if (this.next === this.whole.next) this.model.set("playing", false);
    else this.frame = requestAnimationFrame(() => this.move());
  }

  take(events) {
    if (this.over) this.begin();
    const begin = this.next;
    this.next = Math.min(begin + events, this.whole.next);
    this.send(begin, false);
    this.model.set("position", this.next);
  }

  // Send what there is of the steps from `begin` on, in the form of store.js.
  send(begin, whole) {
    const { count, columns, labels, classes, drifts, ahead, stride, origin, noun } = this.whole;
    const [from, to] = [begin - this.first, this.next - this.first];
    const parts = columns.map((_, n) => this.events.subarray(n * count + from, n * count + to));
    const header = {
      type: "frame", seq: ++this.seq, whole, next: this.next, count: to - from, position: this.next,
      columns, classes, stride, origin, noun,
      labels: labels?.slice(from, to),
      drifts: drifts?.filter((step) => step < this.next),
      ahead: this.next === this.whole.next ? ahead : undefined,
    };
    if (whole) this.points = 0; // of the curve that the page has
    const curve = this.curveUntil(header);
    const units = this.unitsOf(header, begin);
    this.model.emit("msg:custom", header, [joined(parts), curve, units].map(viewed));
  }

  curveUntil(header) {
    const all = this.whole.curve.count;
    const from = this.points;
    while (this.points < all && this.curve[this.points] < this.next) this.points++;
    header.curve = { from, count: this.points - from };
    const columns = Array.from({ length: this.curve.length / (all || 1) }, (_, n) =>
      this.curve.subarray(n * all + from, n * all + this.points));
    return joined(columns);
  }

  unitsOf(header, begin) {
    if (!this.units) return new Float32Array();
    const { count, maps, shown, rows, borders } = this.whole.units;
    const known = this.whole.next - count; // the first step whose units the page holds
    const [from, to] = [Math.max(0, begin - known), Math.max(0, this.next - known)];
    const all = header.whole ? { shown, rows, borders } : {};
    header.units = { count: to - from, maps, ...all };
    const width = maps.length * shown.length;
    return this.units.subarray(from * width, to * width);
  }
}

function joined(parts) {
  const all = new Float64Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

const viewed = ({ buffer, byteOffset, byteLength }) => new DataView(buffer, byteOffset, byteLength);
