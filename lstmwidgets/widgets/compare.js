// Two widgets of a kind beside each other: pointing at one is pointing at the other.

import { element, say } from "../live/drawing.js";
import { pointer, tellPointer } from "../live/pointer.js";
import { WidgetSession } from "../live/session.js";
import { WidgetView } from "../live/view.js";

const SIDES = ["left", "right"];

// One of the two: its place in the page, its model, and its chart, if it has one.
class Side {
  constructor(parent, name) {
    this.root = element(parent, "section", { class: "lw-compare-side", "aria-label": name });
    this.name = element(this.root, "h3", { text: name });
    this.place = element(this.root, "div", { "data-compared": "" });
  }

  get chart() {
    return this.place.querySelector(".lw-chart")?.chart ?? null;
  }

  get run() {
    return this.model.get("_run") ?? this.model.get("_about")?.run;
  }
}

class CompareView extends WidgetView {
  constructor(session, host, parent) {
    super(session, parent, {
      class: "lw-live lw-compare", "aria-label": "Two runs of an LSTM beside each other",
    }, { narrow: 0, wide: 900 });
    const { model } = session;
    const bar = element(this.root, "div", { class: "lw-compare-bar" });
    this.said = element(bar, "span", { class: "lw-compare-said", role: "status" });
    const label = element(bar, "label", {
      title: "The unit that one points at is shown in both; pins, order, box and layer go together",
    });
    this.units = element(label, "input", { type: "checkbox" }, {
      change: () => session.set("link_units", this.units.checked),
    });
    element(label, "span", { text: "Link units" });
    this.unitsField = label;
    const grid = element(this.root, "div", { class: "lw-compare-grid" });
    this.sides = SIDES.map((_, n) => new Side(grid, model.get("names")[n]));
    this.links = [];
    this.fill(host);
    this.moved = ({ detail }) => this.follow(detail);
    pointer.addEventListener("move", this.moved);
    this.begin();
  }

  close() {
    pointer.removeEventListener("move", this.moved);
    for (const unlink of this.links) unlink();
    super.close();
  }

  async fill(host) {
    const { model } = this.session;
    await Promise.all(
      this.sides.map(async (side, n) => {
        const reference = model.get(SIDES[n]);
        side.model = await host.getModel(reference);
        const widget = await host.getWidget(reference);
        await widget.render({ el: side.place });
      }),
    );
    const [left, right] = this.sides;
    // Both are drawn in the same colours.
    left.place.beside = () => right.chart;
    right.place.beside = () => left.chart;
    for (const { chart } of this.sides) chart?.refresh();
    this.link(left, right);
    this.link(right, left);
    this.root.dataset.ready = "";
  }

  // Without a kernel the page itself hands on what is chosen.
  link(from, to) {
    const { session } = this;
    const all = Object.values(session.model.get("_linked")).flat();
    for (const name of all) {
      const tell = () => {
        const value = from.model.get(name);
        if (session.answers || !this.isLinked(name)) return;
        if (JSON.stringify(to.model.get(name)) === JSON.stringify(value)) return;
        to.model.set(name, value);
        to.model.save_changes();
      };
      from.model.on(`change:${name}`, tell);
      this.links.push(() => from.model.off(`change:${name}`, tell));
    }
  }

  isLinked(name) {
    const { model } = this.session;
    const { always, units } = model.get("_linked");
    return always.includes(name) || (model.get("link_units") && units.includes(name));
  }

  // Somebody points at a step: if it is in one of the two, the other shows the same.
  follow({ from, step }) {
    if (this.following) return;
    const node = from?.root ?? from?.canvas;
    const side = this.sides.find(({ place }) => node && place.contains(node));
    const other = this.sides.find((each) => each !== side);
    if (!side || !other.model) return;
    this.following = true;
    const number = step === null ? null : from.store?.number?.(step) ?? step;
    if (from.specs && other.chart) this.point(from, other.chart, number);
    else tellPointer(other.run, number, this);
    this.following = false;
  }

  point(from, chart, number) {
    const { store, scene, marks } = chart;
    const step = number === null ? NaN : Math.round(store.placeOf(number));
    const linked = this.session.model.get("link_units");
    const unit = linked ? from.store.shown[from.marks?.row] : undefined;
    const row = unit === undefined ? -1 : store.shown.indexOf(unit);
    if (marks) {
      marks.row = row < 0 ? null : row;
      chart.onMarked?.();
    }
    if (!scene || !(step >= scene.first && step <= scene.last)) {
      chart.point(null);
      return;
    }
    const panel = chart.panels.find(({ spec, folded }) => spec.id === from.panel?.spec.id && !folded);
    if (!panel) return chart.point(step);
    const [low, high] = panel.seen?.(store) ?? [0, 1];
    const share = row < 0 ? 1.1 : (high - row - 0.5) / (high - low);
    const offsetY = panel.spec.height * share;
    chart.point(step, panel, { offsetY, clientY: panel.canvas.getBoundingClientRect().top + offsetY });
  }

  show() {
    const { model } = this.session;
    this.showTheme();
    this.sides.forEach((side, n) => {
      say(side.name, model.get("names")[n]);
      side.root.setAttribute("aria-label", model.get("names")[n]);
    });
    this.unitsField.hidden = !model.get("_linked").units.length;
    this.units.checked = model.get("link_units");
    say(this.said, model.get("_said"));
  }
}

export const compare = () => {
  let session;
  return {
    initialize({ model }) {
      session = new WidgetSession(model);
      session.listen({}, ["names", "link_units", "theme", "_linked", "_said"]);
      return () => session.close();
    },
    render({ el, host }) {
      const view = new CompareView(session, host, el);
      return () => view.close();
    },
  };
};

export default compare;
