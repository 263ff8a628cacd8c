// GateLab: a layer's units, and what one does to them.
//
// page -> kernel, besides those of a layer's units:
//   {type: "scenarios", scenarios, shown, session, edit}, {type: "rank"}, {type: "stop"}

import { element } from "../live/drawing.js";
import { GateControls } from "./gate_controls.js";
import { StateSession, StateView } from "./state_view.js";
import { widgetOf } from "../live/session.js";

const GATE_TRAITS = ["scenarios", "shown", "difference", "output", "error", "_facts", "_ranked", "_progress"];

class GateSession extends StateSession {
  constructor(model) {
    super(model, GATE_TRAITS);
  }
}

class GateView extends StateView {
  build() {
    super.build();
    this.root.classList.add("lw-gates");
    this.root.setAttribute("aria-label", "What an LSTM would have done");
    this.root.append(this.gates.ranking);
  }

  makeBar() {
    this.gates = new GateControls(this, this.root);
    super.makeBar();
    const { session } = this;
    const bar = this.bar.root;
    const label = element(bar, "label");
    this.difference = element(label, "input", { type: "checkbox" }, {
      change: () => session.set("difference", this.difference.checked),
    });
    element(label, "span", { text: "By how much it differs" });
    const { outputs } = session.model.get("_about");
    this.outputField = element(bar, "label", outputs.length < 2 ? { hidden: "" } : {});
    element(this.outputField, "span", { text: "Output" });
    this.output = element(this.outputField, "select", {}, {
      change: () => session.set("output", Number(this.output.value)),
    });
    outputs.forEach((text, value) => element(this.output, "option", { value, text }));
  }

  show() {
    super.show();
    const { model, answers } = this.session;
    this.gates.show();
    this.difference.checked = model.get("difference");
    this.output.value = model.get("output");
    this.difference.disabled = !answers || model.get("shown") < 0;
    this.output.disabled = !answers;
  }
}

export const gateLab = widgetOf(GateSession, GateView);

export default gateLab;
