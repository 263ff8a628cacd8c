// Features of the events: a line each in a row of its own, from its least to its greatest in view.

import { path } from "./drawing.js";
import { middle, Panel } from "./panel.js";
import { written } from "./ticks.js";

export class InputsPanel extends Panel {
  draw(scene) {
    const pen = this.begin(scene);
    const { store, first, last, x } = scene;
    const { names, height } = this.spec;
    const room = height / names.length;
    if (!store.next) this.sayNothing(scene);
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    pen.lineWidth = 1;
    names.forEach((name, n) => {
      pen.fillStyle = scene.palette.muted;
      pen.fillText(middle(name, 14), scene.left - 8, (n + 0.5) * room, scene.left - 10);
      pen.strokeStyle = scene.palette.grid;
      pen.strokeRect(scene.left + 0.5, Math.round(n * room) + 0.5, scene.room - 1, Math.round(room));
    });
    this.frameOf(scene);
    pen.strokeStyle = scene.palette.ink;
    pen.lineWidth = 1.2;
    names.forEach((_, n) => {
      const ring = store.columns.get(`x${n}`);
      const at = (step) => ring?.[step % store.capacity] ?? NaN;
      let low = Infinity, high = -Infinity;
      for (let step = first; step <= last; step++) {
        const value = at(step);
        if (value < low) low = value;
        if (value > high) high = value;
      }
      const span = high - low;
      const y = (value) =>
        span > 0 ? (n + 0.86 - (0.72 * (value - low)) / span) * room : (n + 0.5) * room;
      path(pen, { from: first, to: last, at }, x, y, scene.room);
    });
    pen.restore();
  }

  values(store, step) {
    return this.spec.names.map((name, n) => [name, written(store.value(`x${n}`, step))]);
  }

  tell(store, step) {
    const told = this.values(store, step).map((pair) => pair.join(" "));
    this.canvas.setAttribute("aria-label", `${this.spec.title} of the last event: ${told.join(", ")}.`);
  }
}
