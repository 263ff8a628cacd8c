// Probabilities of classes, event by event.

import { drawDrifts, pixels, thinned } from "./drawing.js";
import { CLASS_COLOURS, classColour, OTHER_CLASSES } from "./palette.js";
import { Panel } from "./panel.js";

const FEW = 4; // classes whose names stand beside the title

// Probabilities as an image of one column an event; above them the true class.
export class ClassesPanel extends Panel {
  makeLegend() {
    this.image = document.createElement("canvas");
    this.named = 0;
    this.legend.setAttribute("role", "group");
    this.legend.setAttribute("aria-label", "Classes");
  }

  name(store, palette) {
    const { classes } = store;
    if (this.named === classes.length) return;
    this.named = classes.length;
    const many = classes.length > FEW;
    this.element.classList.toggle("lw-many", many);
    if (many) this.legend.tabIndex = 0; // it may scroll
    this.legend.replaceChildren();
    classes.slice(0, CLASS_COLOURS.length).forEach((name, n) => this.entry(name, classColour(n), "box"));
    if (classes.length > CLASS_COLOURS.length) this.entry("others", OTHER_CLASSES, "box");
    this.colourLegend(palette);
  }

  draw(scene) {
    const { store, first, last } = scene;
    this.name(store, scene.palette);
    const pen = this.begin(scene);
    const texts = [0, 25, 50, 75, 100].map((share) => [share / 100, `${share} %`]);
    const y = this.scale(scene, 0, 1.12, { texts });
    if (last < first) return this.sayNothing(scene);
    const colours = (this.pixels ??= [...CLASS_COLOURS, OTHER_CLASSES].map(asPixel));
    const rows = 100, strip = 12, height = rows + strip;
    const { pick, count } = thinned(first, last, scene.room * this.ratio);
    const rings = store.classes.map((_, n) => store.columns.get(`p${n}`));
    const truth = store.columns.get("truth");
    const [data, show] = pixels(this.image, count, height);
    for (let k = 0; k < count; k++) {
      const place = pick(k) % store.capacity;
      let sum = 0, row = 0;
      rings.forEach((ring, n) => {
        sum += ring[place] || 0;
        const end = Math.min(rows, Math.round(sum * rows));
        for (; row < end; row++) data[(height - 1 - row) * count + k] = colours[Math.min(n, 21)];
      });
      const known = truth[place];
      for (let up = 0; up < strip - 4 && !Number.isNaN(known); up++)
        data[up * count + k] = colours[Math.min(known, 21)];
    }
    show();
    this.frameOf(scene);
    pen.imageSmoothingEnabled = false;
    const left = scene.x(first - 0.5);
    pen.drawImage(this.image, left, y(1.12), scene.x(last + 0.5) - left, y(0) - y(1.12));
    drawDrifts(pen, scene, this.spec.height);
    pen.restore();
  }

  values(store, step) {
    const shares = store.classes.map((name, n) => [name, store.value(`p${n}`, step) || 0]);
    shares.sort((one, other) => other[1] - one[1]);
    const truth = store.value("truth", step);
    const best = shares.slice(0, 3).filter(([, share]) => share > 0);
    return [
      ["true class", Number.isNaN(truth) ? "unknown" : store.classes[truth]],
      ...best.map(([name, share]) => [name, `${(100 * share).toFixed(1)} %`]),
    ];
  }

  tell(store, step) {
    const told = this.values(store, step).map((pair) => pair.join(" "));
    this.canvas.setAttribute("aria-label", `${this.spec.title}. ${told.join(", ")}.`);
  }
}

const asPixel = (hex) => {
  const [red, green, blue] = [1, 3, 5].map((n) => parseInt(hex.slice(n, n + 2), 16));
  return ((255 << 24) | (blue << 16) | (green << 8) | red) >>> 0;
};
