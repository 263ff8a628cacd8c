// Matches under each other, aligned at their first steps: words, units that are on, numbers, categories.

import { element, path, penOf } from "../live/drawing.js";
import { classColour } from "../live/palette.js";
import { middle } from "../live/panel.js";
import { Tip } from "../live/tip.js";
import { written } from "../live/ticks.js";

const EDGE = 12; // pixels right of the steps
const WORD = 18, SHARE = 12, PAIR = 40, NUMBER = 30, CATEGORY = 17, GAP = 4; // heights of rows
const NARROWEST = 6, WIDEST = 66, WIDE = 18; // of a step; of one without a word
const LEGIBLE_FROM = 24; // from which on a word is written, narrower if need be
const LEAST_BEFORE = 2; // steps before a match that are drawn, if there are
const PAIRED = ["target", "prediction"];

export class MatchList {
  // calls: {brush(strip), point(sequence, number or null)}
  constructor(parent, calls) {
    this.calls = calls;
    this.root = element(parent, "div", { class: "lw-found" });
    this.list = element(this.root, "div", { class: "lw-matches", role: "list", "aria-label": "Matches" });
    this.cross = element(this.list, "div", { class: "lw-cross", hidden: "" });
    this.tip = new Tip(this.root);
    this.items = [];
    this.at = null; // {item, offset} under the pointer: steps from the first one of a match
    this.list.addEventListener("pointerleave", () => this.point(null));
    this.resized = new ResizeObserver(() => this.draw());
    this.resized.observe(this.list);
  }

  close() {
    this.resized.disconnect();
  }

  // found: {units, total, words, tracks, strips: [{…, values: rows of numbers}]}, or null
  show(found, many) {
    this.found = found;
    this.many = many; // whether there are several sequences
    const focused = this.items.findIndex(({ root }) => root.contains(root.getRootNode().activeElement));
    for (const { root } of this.items) root.remove();
    this.point(null);
    this.items = (found?.strips ?? []).map((strip, n, all) => this.item(strip, n + (all[0].match ? 1 : 0)));
    this.list.hidden = !this.items.length;
    this.draw();
    if (focused >= 0) this.items[Math.min(focused, this.items.length - 1)]?.root.focus();
  }

  item(strip, rank) {
    const root = element(this.list, "div", {
      class: strip.match ? "lw-match" : "lw-match lw-brushed", role: "listitem", tabindex: "0",
    });
    const head = element(root, "div", { class: "lw-match-head" });
    const texts = this.texts(strip, rank);
    element(head, "b", { text: texts[0] });
    for (const text of texts.slice(1)) element(head, "span", { text });
    const item = { strip, root, texts };
    if (strip.match)
      item.button = element(head, "button", { type: "button", text: "Brush it", "aria-label": `Brush match ${rank}` }, {
        click: () => this.calls.brush(strip),
      });
    item.canvas = element(root, "canvas", { class: "lw-strip", role: "img", "aria-label": texts.join(", ") });
    item.canvas.addEventListener("pointermove", (event) => this.move(item, event));
    root.addEventListener("keydown", (event) => this.key(item, event));
    return item;
  }

  texts(strip, rank) {
    const { units, words } = this.found;
    const last = strip.at + strip.length - 1;
    const numbers = [strip.at, last].map((k) => (strip.number + k * strip.stride).toLocaleString("en"));
    const [from, to] = words ? numbers : [strip.labels[strip.at], strip.labels[last]];
    const noun = words ? (from === to ? "step " : "steps ") : "";
    const where = from === to ? `${noun}${from}` : `${noun}${from} to ${to}`;
    const place = this.many ? `sequence ${strip.recording + 1}, ${where}` : where;
    const length = `${strip.length.toLocaleString("en")} step${strip.length > 1 ? "s" : ""}`;
    if (!strip.match) return [`Brushed: ${place}`, length];
    const { shared, extra } = strip.match;
    const overlap = units.length ? [`${shared} of ${units.length} unit${units.length === 1 ? "" : "s"}, ${extra} other${extra === 1 ? "" : "s"}`] : [];
    return [`${rank}. ${place}`, length, ...overlap];
  }

  theme(palette, font, dark) {
    Object.assign(this, { palette, font, dark });
    this.draw();
  }

  // Rows from above: [{name, high, draw(pen, strip, top, high)}]
  rows() {
    const { tracks, units, words } = this.found;
    const rows = [];
    const add = (name, high, draw) => rows.push({ name, high, draw });
    if (words) add("", WORD, (...at) => this.drawWords(...at));
    if (units.length) add("units on", SHARE, (...at) => this.drawShares(...at));
    const numbers = tracks.map((track, n) => ({ ...track, row: n + 1 })).filter((track) => !track.words);
    const pair = numbers.filter((track) => PAIRED.includes(track.name));
    if (pair.length) add(pair.map(({ name }) => name).join(", "), PAIR, this.lines(pair));
    for (const track of numbers) if (!pair.includes(track)) add(track.name, NUMBER, this.lines([track]));
    tracks.forEach((track, n) => {
      if (track.words) add(track.name, CATEGORY, (...at) => this.drawCategory(track, n + 1, ...at));
    });
    return rows;
  }

  draw() {
    const width = Math.floor(this.list.clientWidth);
    if (!width || !this.palette || !this.items.length) return;
    const left = width < 640 ? 100 : 118;
    const room = width - left - EDGE;
    const pen = this.items[0].canvas.getContext("2d");
    pen.font = this.font;
    const size = (text) => pen.measureText(text).width + 8;
    const sent = Math.max(...this.items.map(({ strip }) => strip.labels.length));
    const widths = this.found.words
      ? this.items.flatMap(({ strip }) => strip.labels.map(size))
      : [Math.min(WIDE, room / sent)];
    const wide = Math.min(WIDEST, Math.max(NARROWEST, ...widths));
    const most = Math.max(1, Math.floor(room / wide));
    const longest = Math.max(...this.items.map(({ strip }) => strip.length));
    const spare = Math.max(0, most - longest);
    const sought = Math.max(...this.items.map(({ strip }) => strip.at));
    const before = Math.min(sought, Math.max(LEAST_BEFORE, Math.ceil(spare / 2)));
    Object.assign(this, { left, wide, before, most, x: (offset) => left + (offset + before) * wide });
    Object.assign(this.list.dataset, { zero: this.x(0), wide });
    const rows = this.rows();
    const high = rows.reduce((sum, row) => sum + row.high + GAP, 0);
    for (const { strip, canvas } of this.items) {
      const pen = penOf(canvas, width, high, this.font);
      pen.textBaseline = "middle";
      let top = 0;
      for (const row of rows) {
        pen.fillStyle = this.palette.muted;
        pen.textAlign = "right";
        pen.fillText(middle(row.name, 20), left - 8, top + row.high / 2, left - 10);
        row.draw(pen, strip, top, row.high);
        top += row.high + GAP;
      }
      pen.strokeStyle = this.palette.accent;
      pen.lineWidth = 1.5;
      const length = Math.min(strip.length, most - before);
      pen.strokeRect(this.x(0) + 0.5, 0.75, length * wide - 1, high - GAP + 1);
    }
    this.placeCross();
  }

  // Offsets of the steps that are drawn, from the first one of the match.
  *seen(strip) {
    const last = Math.min(strip.labels.length - strip.at, this.most - this.before);
    for (let offset = Math.max(-strip.at, -this.before); offset < last; offset++) yield offset;
  }

  drawWords(pen, strip, top, high) {
    pen.textAlign = "center";
    for (const offset of this.seen(strip)) {
      const inside = offset >= 0 && offset < strip.length;
      pen.fillStyle = inside ? this.palette.ink : this.palette.muted;
      const word = middle(strip.labels[strip.at + offset], 14);
      pen.fillText(word, this.x(offset + 0.5), top + high / 2 + 1, this.wide - 2);
    }
  }

  drawShares(pen, strip, top, high) {
    for (const offset of this.seen(strip)) {
      const share = strip.values[0][strip.at + offset] / this.found.units.length;
      pen.fillStyle = this.palette.grid;
      pen.fillRect(this.x(offset), top, this.wide - 1, high);
      pen.fillStyle = this.palette.accent;
      pen.globalAlpha = 0.85 * share;
      pen.fillRect(this.x(offset), top, this.wide - 1, high);
      pen.globalAlpha = 1;
    }
  }

  drawCategory(track, row, pen, strip, top, high) {
    pen.textAlign = "center";
    const named = this.wide >= LEGIBLE_FROM || track.words.every((word) => pen.measureText(word).width < this.wide - 1);
    const tall = named ? 4 : high - 5;
    for (const offset of this.seen(strip)) {
      const value = strip.values[row][strip.at + offset];
      if (Number.isNaN(value)) continue;
      pen.fillStyle = classColour(value);
      pen.fillRect(this.x(offset), top + high - tall, this.wide - 1, tall);
      if (!named) continue;
      pen.fillStyle = this.palette.muted;
      pen.fillText(track.words[value], this.x(offset + 0.5), top + high / 2 - 2, this.wide - 2);
    }
  }

  // Numbers share a scale in all matches.
  lines(tracks) {
    let low = Infinity, high = -Infinity;
    for (const { strip } of this.items)
      for (const { row } of tracks)
        for (const offset of this.seen(strip)) {
          const value = strip.values[row][strip.at + offset];
          if (value < low) low = value;
          if (value > high) high = value;
        }
    const span = high - low || 1;
    return (pen, strip, top, tall) => {
      const y = (value) => top + tall - 3 - ((tall - 6) * (value - low)) / span;
      const offsets = [...this.seen(strip)];
      if (!offsets.length) return;
      for (const { name, row } of tracks) {
        pen.strokeStyle = { target: this.palette.truth, prediction: this.palette.model }[name] ?? this.palette.ink;
        pen.lineWidth = name === "target" ? 3 : 1.6;
        const at = (offset) => strip.values[row][strip.at + offset];
        const points = { from: offsets[0], to: offsets.at(-1), at };
        path(pen, points, (offset) => this.x(offset + 0.5), y, this.wide * offsets.length);
      }
    };
  }

  move(item, event) {
    const across = event.clientX - item.canvas.getBoundingClientRect().left;
    const offset = Math.floor((across - this.left) / this.wide) - this.before;
    this.point(across >= this.left && this.isSeen(item.strip, offset) ? { item, offset } : null, event);
  }

  isSeen(strip, offset) {
    return offset >= Math.max(-strip.at, -this.before) &&
      offset < Math.min(strip.labels.length - strip.at, this.most - this.before);
  }

  point(at) {
    if (at === null && this.at === null) return;
    this.at = at;
    this.placeCross();
    if (at === null) {
      this.tip.hidden = true;
      return this.calls.point(null);
    }
    const { strip } = at.item;
    const step = strip.at + at.offset;
    this.calls.point(strip.recording, strip.number + step * strip.stride);
    this.tip.tell(strip.labels[step], this.told(strip, step));
    const box = this.root.getBoundingClientRect(), canvas = at.item.canvas.getBoundingClientRect();
    this.tip.place(this.x(at.offset + 0.5), canvas.top - box.top, { apart: 10 + this.wide / 2 });
  }

  told(strip, step) {
    const { units, tracks } = this.found;
    const shares = units.length ? [["units of the hypothesis on", `${strip.values[0][step]} of ${units.length}`]] : [];
    return [
      ...shares,
      ...tracks.map((track, n) => {
        const value = strip.values[n + 1][step];
        return [track.name, track.words ? (track.words[value] ?? "–") : written(value)];
      }),
    ];
  }

  placeCross() {
    this.cross.hidden = this.at === null;
    if (!this.at) return;
    this.cross.style.height = `${this.list.scrollHeight}px`;
    this.cross.style.transform = `translateX(${(this.x(this.at.offset + 0.5)).toFixed(1)}px)`;
  }

  key(item, event) {
    if (event.target !== item.root || event.ctrlKey || event.metaKey || event.altKey) return;
    const across = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const along = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (across) {
      const old = this.at?.item === item ? this.at.offset : -across;
      if (this.isSeen(item.strip, old + across)) this.point({ item, offset: old + across });
    } else if (along) this.items[this.items.indexOf(item) + along]?.root.focus();
    else if (event.key === "Enter" && item.button && !item.button.disabled) this.calls.brush(item.strip);
    else if (event.key === "Escape") this.point(null);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
