// The controls over rows of units: their order, the layer, and which of them are pinned.

import { element } from "../live/drawing.js";

export class UnitBar {
  // orders: names of the trait's values; hidden(): how many units there are
  constructor(parent, session, { orders, hidden }) {
    Object.assign(this, { session, hidden });
    this.root = element(parent, "div", { class: "lw-controls", role: "group", "aria-label": "Units" });
    this.order = element(this.field("Order of units"), "select", {}, {
      change: () => session.set("order", this.order.value),
    });
    for (const [value, text] of Object.entries(orders)) element(this.order, "option", { value, text });
    this.layerField = this.field("Layer");
    this.layer = element(this.layerField, "select", {}, {
      change: () => session.set("layer", Number(this.layer.value)),
    });
    const pins = { type: "text", placeholder: "such as 3, 17", class: "lw-pins" };
    this.pins = element(this.field("Pinned units"), "input", pins, {
      change: () => this.typed(this.pins.value),
      keydown: (event) => event.key === "Enter" && this.typed(this.pins.value),
    });
    this.wrong = element(this.root, "span", { class: "lw-wrong", role: "alert" });
  }

  // A label with a name, before what was wrong.
  field(text, title = "") {
    const label = element(null, "label", title ? { title } : {});
    element(label, "span", { text });
    if (this.wrong) this.wrong.before(label);
    else this.root.append(label);
    return label;
  }

  typed(text) {
    const hidden = this.hidden();
    const words = text.split(/[\s,;]+/).filter(Boolean);
    const wrong = words.find((word) => !/^\d+$/.test(word) || Number(word) >= hidden);
    this.wrong.textContent =
      wrong === undefined ? "" : `There is no unit ${wrong}: units are numbers from 0 to ${hidden - 1}.`;
    if (wrong === undefined) this.session.set("pinned", [...new Set(words.map(Number))]);
    else this.pins.value = this.session.model.get("pinned").join(", ");
  }

  // Pin a unit, or let it go.
  pin(unit) {
    const pinned = this.session.model.get("pinned");
    const others = pinned.filter((each) => each !== unit);
    this.wrong.textContent = "";
    this.session.set("pinned", others.length < pinned.length ? others : [...pinned, unit]);
  }

  // What the traits say, whoever has changed them; marks: those of the picture.
  show(layers, marks) {
    const { model, answers } = this.session;
    this.order.value = model.get("order");
    if (this.layer.length !== layers) {
      const names = { 0: "0, the lowest", [layers - 1]: `${layers - 1}, the top` };
      this.layer.replaceChildren();
      for (let n = 0; n < layers; n++) element(this.layer, "option", { value: n, text: names[n] ?? String(n) });
    }
    this.layerField.hidden = layers < 2;
    this.layer.value = model.get("layer");
    const pinned = model.get("pinned");
    if (pinned.join() !== marks.pinned.join()) this.pins.value = pinned.join(", ");
    marks.pin(pinned);
    for (const each of [this.order, this.layer]) each.disabled = !answers;
  }
}
