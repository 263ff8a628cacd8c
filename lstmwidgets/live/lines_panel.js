// Numbers over the events: lines, a band around them, marks, and what is forecast.

import { area, drawDrifts, path, say } from "./drawing.js";
import { Panel } from "./panel.js";
import { written } from "./ticks.js";

export class LinesPanel extends Panel {
  makeLegend() {
    const { lines, band, marks } = this.spec;
    for (const line of lines) this.entries.push([line.column, this.entry(line.label, line.colour)]);
    if (band) this.entry(band.label, "band", "box");
    if (marks) this.entry(marks.label, "naive", "dot");
  }

  get columns() {
    const { lines, band } = this.spec;
    return [...lines.map((line) => line.column), ...(band ? [band.from, band.to] : [])];
  }

  draw(scene) {
    const pen = this.begin(scene);
    const { store, first, last, x } = scene;
    const { lines, band, marks } = this.spec;
    const rings = new Map(this.columns.map((name) => [name, store.columns.get(name)]));
    let low = Infinity, high = -Infinity;
    const ahead = this.spec.ahead && scene.end >= (store.ahead?.step ?? Infinity) ? store.ahead : null;
    for (const value of ahead ? [...ahead.values, ...ahead.lower, ...ahead.upper] : [])
      if (value !== null) [low, high] = [Math.min(low, value), Math.max(high, value)];
    for (const ring of rings.values())
      for (let n = first; ring && n <= last; n++) {
        const value = ring[n % store.capacity];
        if (value < low) low = value;
        if (value > high) high = value;
      }
    if (low > high) [low, high] = [0, 1];
    const margin = 0.06 * (high - low) || Math.abs(high) * 0.1 || 1;
    const y = this.scale(scene, low - margin, high + margin);
    if (!store.next) this.sayNothing(scene);
    this.frameOf(scene);
    const at = (name) => {
      const ring = rings.get(name) ?? store.columns.get(name);
      return (n) => ring?.[n % store.capacity] ?? NaN;
    };
    if (band) {
      pen.fillStyle = scene.palette.band;
      area(pen, first, last, at(band.from), at(band.to), x, y);
      pen.strokeStyle = scene.palette.edge;
      pen.lineWidth = 0.75;
      for (const name of [band.from, band.to])
        path(pen, { from: first, to: last, at: at(name) }, x, y, scene.room);
    }
    if (ahead) this.drawAhead(scene, ahead, y);
    pen.lineCap = "round";
    for (const line of lines) {
      pen.strokeStyle = scene.palette[line.colour] ?? line.colour;
      pen.lineWidth = line.width;
      path(pen, { from: first, to: last, at: at(line.column) }, x, y, scene.room);
    }
    if (marks) {
      const [where, on] = [at(marks.where), at(marks.on)];
      pen.fillStyle = scene.palette.naive;
      for (let n = first; n <= last; n++)
        if (where(n) > 0) {
          pen.beginPath();
          pen.arc(x(n), y(on(n)), 4, 0, 7);
          pen.fill();
        }
    }
    drawDrifts(pen, scene, this.spec.height);
    pen.restore();
  }

  // What is forecast of the steps to come: a dashed line that goes on from the last value known.
  drawAhead(scene, { step, values, lower, upper }, y) {
    const { pen } = this;
    const at = (list) => (n) => list[n - step] ?? NaN;
    const [from, to] = [step, step + values.length - 1];
    pen.fillStyle = scene.palette.band;
    area(pen, from, to, at(lower), at(upper), scene.x, y);
    pen.strokeStyle = scene.palette.model;
    pen.lineWidth = 1.6;
    pen.setLineDash([4, 3]);
    path(pen, { from, to, at: at(values) }, scene.x, y, scene.room);
    pen.setLineDash([]);
  }

  values(store, step) {
    const { lines, band } = this.spec;
    const told = lines.map(({ column, label }) => [label, written(store.value(column, step))]);
    const [low, high] = band ? [store.value(band.from, step), store.value(band.to, step)] : [NaN];
    if (!Number.isNaN(low)) told.push([band.label, `${written(low)} to ${written(high)}`]);
    return told;
  }

  tell(store, step) {
    for (const [column, node] of this.entries) say(node, written(store.value(column, step)));
    const told = this.values(store, step).map((pair) => pair.join(" "));
    this.canvas.setAttribute("aria-label", `${this.spec.title}. ${told.join(", ")}.`);
  }
}
