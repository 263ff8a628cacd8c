// What units did with their memory, row by row, half-lives beside them; what one of them holds.

import { pixel } from "../live/colors.js";
import { CurvePanel } from "../live/curve_panel.js";
import { element, path, pixels, say, thinned } from "../live/drawing.js";
import { middle } from "../live/panel.js";
import { PANELS } from "../live/panels.js";
import { numberTicks, written } from "../live/ticks.js";
import { LEGIBLE, PINS, UnitsPanel } from "./unit_panels.js";

export const STATES = ["holds nothing", "holds", "written", "wiped", "overwritten"];
const [EMPTY, HELD, WRITTEN, WIPED, OVERWRITTEN] = STATES.keys();
// Of Okabe & Ito (2008), but for what a unit does most of the time.
const STATE_COLOURS = {
  light: ["rgb(241 243 246)", "rgb(158 202 225)", "rgb(230 159 0)", "rgb(34 34 34)", "rgb(190 80 150)"],
  dark: ["rgb(31 36 42)", "rgb(52 104 140)", "rgb(240 176 40)", "rgb(240 242 245)", "rgb(222 130 188)"],
};
const MOST_LINES = PINS.light.length - 1;
const LAG_AXIS = 34; // pixels below the correlations

// What a unit did at a step: its place in STATES, as `Memory.events` in Python.
export function stateAt(store, step, row, { write, wipe, hold, size }) {
  if (!(size[row] > 0)) return EMPTY;
  const added = Math.abs(store.unit("written", step, row)) >= write;
  const cleared =
    store.unit("forget", step, row) <= wipe && Math.abs(store.unit("before", step, row)) >= hold;
  if (cleared) return added ? OVERWRITTEN : WIPED;
  if (added) return WRITTEN;
  return Math.abs(store.unit("cell", step, row)) >= hold ? HELD : EMPTY;
}

export const steps = (life) => (life === null ? "beyond the recording" : `${brief(life)} steps`);

const brief = (life) =>
  life >= 100 ? Math.round(life).toLocaleString("en") : written(Number(life.toPrecision(3)));

export class TimelinePanel extends UnitsPanel {
  makeLegend() {
    this.image = document.createElement("canvas");
    this.rows = null;
    for (const state of [HELD, WRITTEN, WIPED, OVERWRITTEN]) this.entry(STATES[state], `state${state}`, "box");
    element(this.legend, "span", { class: "lw-beside", text: "half-life, steps" });
    this.makeOver();
  }

  get colours() {
    return STATE_COLOURS[this.chart.dark ? "dark" : "light"];
  }

  colourLegend() {
    for (const swatch of this.legend.querySelectorAll("[data-colour]"))
      swatch.style.setProperty("--lw-colour", this.colours[Number(swatch.dataset.colour.slice(5))]);
  }

  // Where several steps share a column of pixels, it shows what is rarest of a unit.
  fill(data, store, { count, span }, from, to) {
    const colours = this.colours.map(pixel);
    const { thresholds } = this.chart;
    for (let k = 0; k < count; k++) {
      const [first, end] = span(k);
      for (let row = from; row < to; row++) {
        let state = -1;
        for (let step = first; step < end; step++)
          if (!Number.isNaN(store.unit("cell", step, row)))
            state = Math.max(state, stateAt(store, step, row, thresholds));
        if (state >= 0) data[(to - 1 - row) * count + k] = colours[state];
      }
    }
  }

  draw(scene) {
    super.draw(scene);
    const { half_life: lives, longest } = this.chart.lasting;
    const { pen } = this;
    const [from, to] = this.seen(scene.store);
    const high = this.spec.height / Math.max(1, to - from);
    const left = scene.left + scene.room + 8;
    const room = this.width - left - 44;
    const low = Math.log10(0.1), span = Math.log10(Math.max(10, longest)) - low;
    const across = (life) =>
      life === null ? room : Math.max(1, Math.min(1, (Math.log10(Math.max(life, 0.1)) - low) / span) * room);
    const gap = high < 4 ? 0 : Math.min(1, high / 8);
    let free = 6; // below here there is room for a number
    pen.textAlign = "left";
    for (let row = to - 1; row >= from; row--) {
      const top = this.spec.height - (row + 1 - from) * high;
      const wide = across(lives[row] ?? null);
      pen.fillStyle = row === this.chart.marks.row ? scene.palette.accent : scene.palette.model;
      pen.fillRect(left, top + gap, wide, high - 2 * gap);
      const at = Math.max(6, top + high / 2);
      if (at < free) continue;
      free = at + LEGIBLE;
      pen.fillStyle = scene.palette.muted;
      pen.fillText(lives[row] === null ? "∞" : brief(lives[row]), left + wide + 4, at);
    }
  }

  mark(scene = this.chart.scene) {
    super.mark(scene);
    if (scene && this.marked !== this.chart.marks.row) this.chart.refresh(); // the bar of the row
    this.marked = this.chart.marks.row;
  }

  unitValues(store, step, row) {
    const { size } = this.chart.thresholds;
    const value = (map) => store.unit(map, step, row);
    return [
      [`unit ${store.shown[row]}`, STATES[stateAt(store, step, row, this.chart.thresholds)]],
      ["input gate × candidate", written(value("written") * size[row])],
      ["forget gate f", written(value("forget"))],
      ["cell state c before", written(value("before") * size[row])],
      ["cell state c after", written(value("cell") * size[row])],
      ["half-life of the unit", steps(this.chart.lasting.half_life[row] ?? null)],
    ];
  }

  tell(store) {
    const top = store.shown.length - 1;
    const first = `unit ${store.shown[top]}, half-life ${steps(this.chart.lasting.half_life[top] ?? null)}`;
    const told = top < 0 ? "nothing yet" : `${top + 1} units, in the first row ${first}`;
    this.canvas.setAttribute("aria-label", `${this.spec.title}. ${told}.`);
  }
}

// The columns that a unit holds best, each over the lags; the pointer and arrow keys choose a lag.
export class LagsPanel extends CurvePanel {
  makeLegend() {
    this.lag = null;
    const { canvas } = this;
    canvas.tabIndex = 0;
    const choose = (lag) => {
      if (lag === this.lag) return;
      this.lag = lag;
      this.chart.refresh();
    };
    const listeners = {
      pointermove: ({ offsetX }) => {
        const { scene, held } = this.chart;
        const lag = Math.round(((offsetX - scene.left) / this.roomOf(scene)) * held.lags);
        choose(held.names.length ? Math.min(held.lags, Math.max(0, lag)) : null);
      },
      pointerleave: () => choose(null),
      blur: () => choose(null),
      keydown: (event) => {
        const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
        if (event.key === "Escape") choose(null);
        else if (by) choose(Math.min(this.chart.held.lags, Math.max(0, (this.lag ?? -by) + by)));
        else return;
        event.preventDefault();
        event.stopPropagation();
      },
    };
    for (const [name, call] of Object.entries(listeners)) canvas.addEventListener(name, call);
  }

  // The columns held best: [{name, at: lag -> correlation, lag: the best}].
  get best() {
    const { held, unit } = this.chart;
    const place = held.units.indexOf(unit);
    if (place < 0) return [];
    const lines = held.names.map((name, n) => {
      const from = (place * held.names.length + n) * (held.lags + 1);
      const values = held.values.subarray(from, from + held.lags + 1);
      let lag = -1;
      values.forEach((value, k) => {
        if (Math.abs(value) > (lag < 0 ? -1 : Math.abs(values[lag]))) lag = k;
      });
      return { name, at: (k) => values[k], lag };
    });
    return lines
      .filter(({ lag }) => lag >= 0)
      .sort((a, b) => Math.abs(b.at(b.lag)) - Math.abs(a.at(a.lag)))
      .slice(0, MOST_LINES);
  }

  // It has no half-lives beside it.
  roomOf({ left }) {
    return this.width - left - 24;
  }

  draw(above) {
    const scene = { ...above, room: this.roomOf(above) };
    const pen = this.begin(scene);
    const { held, unit, dark } = this.chart;
    const lines = this.best;
    this.list(lines);
    const texts = [-1, 0, 1].map((value) => [value, written(value)]);
    const y = this.scale(scene, -1, 1, { bottom: LAG_AXIS, top: 6, texts });
    const x = (lag) => scene.left + (scene.room * lag) / Math.max(1, held.lags);
    const middleOf = scene.left + scene.room / 2;
    pen.fillStyle = scene.palette.muted;
    pen.textAlign = "center";
    if (!lines.length) {
      pen.fillText(held.names.length ? "Nothing that changes" : "Nothing to compare with: give inputs=", middleOf, y(0.3));
      return;
    }
    this.ticks(scene, x, held);
    if (this.lag !== null) {
      pen.strokeStyle = scene.palette.muted;
      pen.beginPath();
      pen.moveTo(x(this.lag), 0);
      pen.lineTo(x(this.lag), y(-1));
      pen.stroke();
    }
    lines.forEach(({ at, lag }, n) => {
      pen.strokeStyle = pen.fillStyle = PINS[dark ? "dark" : "light"][n];
      pen.lineWidth = n ? 1.3 : 2;
      path(pen, { from: 0, to: held.lags, at }, x, y, scene.room);
      pen.beginPath();
      pen.arc(x(lag), y(at(lag)), n ? 2.5 : 3.5, 0, 7);
      pen.fill();
    });
    const told = lines.map(({ name, at, lag }) => `${name} ${twoDigits(at(lag))}, ${before(lag, held.stride)}`);
    this.canvas.setAttribute("aria-label", `What unit ${unit} holds: ${told.join("; ")}.`);
  }

  ticks(scene, x, { lags, stride }) {
    const { pen } = this;
    const ticks = numberTicks(0, Math.max(1, lags), scene.room / 70).filter(([lag]) => Number.isInteger(lag));
    for (const [lag] of ticks) {
      const text = lag ? String(lag * stride) : "same step";
      const half = pen.measureText(text).width / 2;
      pen.fillText(text, Math.max(half, x(lag)), this.spec.height - 23);
    }
    pen.fillText("steps before", scene.left + scene.room / 2, this.spec.height - 8);
  }

  list(lines) {
    const { unit, held, dark } = this.chart;
    const colours = PINS[dark ? "dark" : "light"];
    const key = JSON.stringify([unit, lines.map(({ name }) => name), dark]);
    if (key !== this.listed) {
      this.listed = key;
      const [name, more] = this.fold.querySelectorAll("span:not(.lw-arrow)");
      say(name, unit === null ? "What a unit holds" : `What unit ${unit} holds`);
      more.title = "Pearson's correlation of its cell state with numbers of the same step and of steps before";
      this.legend.replaceChildren();
      this.entries = lines.map((line, n) => {
        const entry = element(this.legend, "span", { class: "lw-entry" });
        const swatch = element(entry, "span", { class: "lw-swatch lw-line", "aria-hidden": "true" });
        swatch.style.setProperty("--lw-colour", colours[n]);
        element(entry, "span", { class: "lw-label", text: middle(line.name), title: line.name });
        return element(entry, "b");
      });
    }
    lines.forEach(({ at, lag }, n) => {
      const here = this.lag ?? lag;
      say(this.entries[n], `${twoDigits(at(here))}, ${before(here, held.stride)}`);
    });
  }

  tell() {}
}

const twoDigits = (value) => (Number.isNaN(value) ? "–" : value.toFixed(2).replace("-", "−"));
const before = (lag, stride) => (lag ? `${lag * stride} before` : "same step");

Object.assign(PANELS, { timeline: TimelinePanel, lags: LagsPanel });
