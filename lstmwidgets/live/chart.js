// Panels above each other over one axis of events: time, hover, pan, zoom and theme.

import { Axis } from "./axis.js";
import { CurvePanel } from "./curve_panel.js";
import { element } from "./drawing.js";
import { PANELS } from "./panels.js";
import { DARK, LIGHT } from "./palette.js";
import { pointer, tellPointer } from "./pointer.js";
import { isDark, onThemeChange } from "./theme.js";
import { Tip } from "./tip.js";

const RIGHT = 12;
const WORDS = 40; // beside each other
const LEAST = 8; // events in view when one has zoomed in
const TELLING = 250; // ms between two updates of what is written around the pictures
const CALM = 1000; // ms between two drawings where somebody prefers less motion

export class Chart {
  // options: {store, panels, run, total, theme: () => "auto", folded: [], onFold(folded), resting,
  //           margin(narrow), onDraw(scene)}
  // resting: there is nothing to follow, and all of it is in view; margin: pixels on the right
  constructor(parent, options) {
    Object.assign(this, options);
    this.view = null; // {start, end} where somebody has moved it; null: the last events
    this.span = null; // events in view, where somebody has zoomed
    this.step = this.panel = null; // under the pointer
    this.told = -Infinity;
    this.painted = 0;
    this.visible = true;
    this.root = element(parent, "div", {
      class: "lw-chart", tabindex: "0", role: "group", "aria-roledescription": "chart",
      "aria-label": "Events over time. Arrow keys go through events, plus and minus zoom.",
    });
    this.root.chart = this; // whoever shows several charts together finds them
    this.panels = this.specs.map((spec) => new PANELS[spec.kind](spec, this.root, this));
    this.makeAxis();
    this.makeOverlay();
    this.listen();
    this.setFolded(this.folded);
  }

  makeAxis() {
    this.timed = this.panels.filter((panel) => !(panel instanceof CurvePanel));
    this.axis = new Axis();
    if (this.timed.length) this.timed.at(-1).element.after(this.axis.canvas);
  }

  makeOverlay() {
    this.cross = element(this.root, "div", { class: "lw-cross", hidden: "" });
    this.tip = new Tip(this.root);
    this.badge = element(this.root, "div", { class: "lw-badge-row", hidden: "" });
    this.where = element(this.badge, "span");
    element(this.badge, "button", { type: "button", text: this.resting ? "Show all" : "Follow again" }, {
      click: () => this.follow(),
    });
  }

  listen() {
    const { root } = this;
    const listeners = {
      pointermove: (event) => this.move(event),
      pointerleave: () => this.point(null),
      pointerdown: (event) => this.grab(event),
      dblclick: (event) => event.target.matches("canvas") && this.follow(),
      wheel: (event) => this.wheel(event),
      keydown: (event) => this.press(event),
    };
    for (const [name, call] of Object.entries(listeners))
      root.addEventListener(name, call, name === "wheel" ? { passive: false } : undefined);
    const moved = ({ detail }) => {
      if (detail.run === this.run && detail.from !== this) this.mark(detail.step);
    };
    pointer.addEventListener("move", moved);
    this.resized = new ResizeObserver(() => this.resize());
    this.resized.observe(root);
    this.seen = new IntersectionObserver((entries) => {
      this.visible = entries.at(-1).isIntersecting;
      if (this.visible) this.refresh();
    });
    this.seen.observe(root);
    const forget = onThemeChange(() => this.recolour());
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
    this.close = () => {
      pointer.removeEventListener("move", moved);
      this.resized.disconnect();
      this.seen.disconnect();
      forget();
      cancelAnimationFrame(this.frame);
      clearTimeout(this.later);
      clearTimeout(this.telling);
    };
    this.recolour();
  }

  // The chart of another run that is compared with this one.
  get beside() {
    return this.root.closest("[data-compared]")?.beside?.() ?? null;
  }

  recolour() {
    const theme = this.theme();
    this.dark = theme === "auto" ? isDark() : theme === "dark";
    this.palette = this.dark ? DARK : LIGHT;
    const { root } = this;
    root.parentElement.dataset.theme = this.dark ? "dark" : "light";
    for (const panel of this.panels) panel.colourLegend(this.palette);
    this.refresh();
  }

  resize() {
    const width = Math.floor(this.root.clientWidth);
    if (!width) return; // hidden for a moment
    const ratio = globalThis.devicePixelRatio || 1;
    const narrow = width < 640;
    this.root.parentElement.dataset.size = narrow ? "narrow" : "wide";
    this.left = narrow ? 52 : 66;
    this.right = this.margin?.(narrow) ?? RIGHT;
    this.width = width;
    this.ratio = ratio;
    this.font = `12px ${getComputedStyle(this.root).fontFamily}`;
    for (const panel of this.panels) panel.resize(width, ratio);
    this.axis.resize(this.width, this.ratio, this.words);
    this.refresh();
  }

  // Several changes, one drawing.
  refresh() {
    if (this.frame !== undefined || !this.visible) return;
    if (this.calm?.matches && this.moving) {
      this.later ??= setTimeout(() => {
        this.later = undefined;
        this.request();
      }, CALM);
    } else this.request();
  }

  request() {
    this.frame ??= requestAnimationFrame((now) => {
      this.frame = undefined;
      this.draw(now);
    });
  }

  // What is in view, [start, end] in steps.
  get range() {
    if (this.view) return this.view;
    const { store } = this;
    if (this.resting && store.size) return { start: store.first - 0.5, end: store.next - 0.5 };
    const most = this.words ? Math.min(WORDS, store.window) : store.window;
    const span = this.span ?? Math.min(most, this.total() ?? Infinity, ahead(store.next));
    const to = Math.max(span, store.next) - 0.5;
    return { start: to - span, end: to + (store.ahead?.values?.length ?? 0) };
  }

  draw(now) {
    if (!this.width) return;
    const { store } = this;
    if (Boolean(store.labels) !== Boolean(this.words)) {
      this.words = Boolean(store.labels);
      this.axis.resize(this.width, this.ratio, this.words);
    }
    this.clampView();
    const { start, end } = this.range;
    const room = this.width - this.left - this.right;
    const scene = {
      store, start, end, room, left: this.left, palette: this.palette, font: this.font,
      first: Math.max(store.first, Math.ceil(start)),
      last: Math.min(store.next - 1, Math.floor(end)),
      x: (step) => this.left + (room * (step - start)) / (end - start),
    };
    this.scene = scene;
    for (const panel of this.panels) if (!panel.folded) panel.draw(scene);
    if (this.timed.length) this.axis.draw(scene);
    this.placeCross();
    this.onDraw?.(scene);
    this.painted++;
    clearTimeout(this.telling);
    if (now - this.told > TELLING || !this.moving) this.tell();
    else this.telling = setTimeout(() => this.tell(), TELLING); // if nothing is drawn until then
  }

  // One cannot look at where nothing is.
  clampView() {
    const { view, store } = this;
    if (!view) return;
    const span = view.end - view.start;
    const low = store.first - 0.5, high = store.next - 0.5;
    if (view.start < low) Object.assign(view, { start: low, end: low + span });
    if (view.end > high) Object.assign(view, { start: Math.max(low, high - span), end: high });
  }

  tell() {
    const { store } = this;
    this.told = performance.now();
    const step = store.next - 1;
    if (step >= 0) for (const panel of this.panels) if (!panel.folded) panel.tell(store, step);
    this.badge.hidden = this.view === null;
    if (this.view) {
      const last = Math.min(step, Math.floor(this.view.end));
      const label = store.label(Math.max(last, 0));
      this.where.textContent = this.resting ? `Up to ${label}` : `Paused at ${label}`;
    }
    this.onTell?.();
  }

  // Pointer and keys

  at(event) {
    const box = this.root.getBoundingClientRect();
    const { start, end, room } = this.scene ?? {};
    const across = event.clientX - box.left - this.left;
    if (!this.scene || across < 0 || across > room) return null;
    const step = Math.round(start + (across / room) * (end - start));
    return step >= this.scene.first && step <= this.scene.last ? step : null;
  }

  panelAt(event) {
    return this.timed.find((panel) => panel.canvas === event.target) ?? null;
  }

  move(event) {
    if (this.grabbed) return this.drag(event);
    const panel = this.panelAt(event);
    const step = panel ? this.at(event) : null;
    this.point(step, panel, event);
  }

  point(step, panel = null, event = null) {
    this.step = step;
    this.panel = panel;
    this.placeCross();
    tellPointer(this.run, step, this);
    if (step === null) {
      this.tip.hidden = true;
      return;
    }
    this.showTip(step, panel, event);
  }

  // Another widget's pointer stands at a step.
  mark(step) {
    this.step = step;
    this.placeCross();
  }

  placeCross() {
    const { step, scene } = this;
    const shown = step !== null && scene && step >= scene.start && step <= scene.end;
    this.cross.hidden = !shown;
    if (!shown) return;
    this.cross.style.height = `${this.axis.canvas.offsetTop}px`; // what follows has an axis of its own
    this.cross.style.transform = `translateX(${scene.x(step).toFixed(1)}px)`;
  }

  showTip(step, panel, event) {
    const { store, tip } = this;
    let told = this.panels.flatMap((each) => (each.folded ? [] : each.values(store, step)));
    if (panel?.unitValues && event) {
      const row = panel.rowAt(store, event.offsetY);
      if (row >= 0 && row < store.shown.length) {
        const units = panel.unitValues(store, step, row);
        const { short } = panel.spec;
        told = [...units.map(([name, value]) => [short ? `${short}, ${name}` : name, value]), ...told];
      }
    }
    tip.tell(store.label(step), told);
    const y = event ? event.clientY - this.root.getBoundingClientRect().top : this.panels[0].canvas.offsetTop;
    tip.place(this.scene.x(step), y - 12);
  }

  grab(event) {
    if (event.button !== 0 || !this.panelAt(event)) return;
    this.grabbed = { x: event.clientX, range: { ...this.range }, moved: false };
    event.target.setPointerCapture(event.pointerId);
    const release = () => {
      this.grabbed = null;
      event.target.removeEventListener("pointerup", release);
      event.target.removeEventListener("pointercancel", release);
    };
    event.target.addEventListener("pointerup", release);
    event.target.addEventListener("pointercancel", release);
  }

  drag(event) {
    const { x, range } = this.grabbed;
    if (Math.abs(event.clientX - x) < 4 && !this.grabbed.moved) return;
    this.grabbed.moved = true;
    this.tip.hidden = true;
    const by = ((x - event.clientX) / this.scene.room) * (range.end - range.start);
    this.look(range.start + by, range.end + by);
  }

  wheel(event) {
    const panel = this.panelAt(event);
    if (!panel || !(event.shiftKey || event.altKey || event.ctrlKey)) return; // else it scrolls
    event.preventDefault();
    const by = (event.deltaY || event.deltaX) > 0 ? 1.25 : 0.8;
    if (event.altKey && panel.unitValues) this.zoomRows(panel, event, by);
    else this.zoom(by, this.at(event));
  }

  zoomRows(panel, event, by) {
    const { store } = this;
    const [from, to] = panel.seen(store);
    const row = panel.rowAt(store, event.offsetY);
    const low = Math.max(0, Math.round(row - (row - from) * by));
    const high = Math.min(store.shown.length, Math.max(low + 1, Math.round(row + (to - row) * by)));
    for (const each of this.panels)
      if (each.unitValues) each.rows = high - low < store.shown.length ? [low, high] : null;
    this.refresh();
  }

  zoom(by, around = null) {
    const { store } = this;
    const { start, end } = this.range;
    const span = Math.min(Math.max(LEAST, (end - start) * by), Math.max(LEAST, store.size));
    if (this.view === null && !this.resting) this.span = span; // the last event stays in view
    else {
      const at = around ?? (start + end) / 2;
      const low = at - ((at - start) * span) / (end - start);
      this.look(low, low + span);
    }
    this.refresh();
  }

  look(start, end) {
    this.view = { start, end };
    this.clampView();
    if (this.resting && end - start >= this.store.size) this.view = null;
    this.refresh();
  }

  follow() {
    this.view = this.span = null;
    for (const panel of this.panels) panel.rows = null;
    this.refresh();
    this.tell();
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target !== this.root) return;
    const { scene } = this;
    if (!scene) return;
    const go = (by) => {
      const from = this.step ?? scene.last + 1;
      const step = Math.min(scene.last, Math.max(scene.first, from + by));
      this.point(step);
    };
    const calls = {
      ArrowLeft: () => go(-1), ArrowRight: () => go(1),
      PageUp: () => go(-20), PageDown: () => go(20),
      Home: () => go(-Infinity), End: () => go(Infinity),
      "+": () => this.zoom(0.8), "=": () => this.zoom(0.8), "-": () => this.zoom(1.25),
      Escape: () => {
        this.point(null);
        this.follow();
      },
    };
    if (!calls[event.key]) return;
    calls[event.key]();
    event.preventDefault();
    event.stopPropagation();
  }

  fold(id, folded) {
    const others = this.folded.filter((each) => each !== id);
    this.setFolded(folded ? [...others, id] : others);
    this.onFold?.(this.folded);
  }

  takePainted() {
    const { painted } = this;
    this.painted = 0;
    return painted;
  }

  setFolded(folded) {
    this.folded = folded;
    for (const panel of this.panels) panel.setFolded(folded.includes(panel.spec.id));
    this.refresh();
  }
}

// So many events that a picture that fills grows now and then, and stands still between.
function ahead(count) {
  const step = 2 ** Math.max(4, Math.ceil(Math.log2(Math.max(1, count))) - 2);
  return Math.ceil(Math.max(1, count) / step) * step;
}
