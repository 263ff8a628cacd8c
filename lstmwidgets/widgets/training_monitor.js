// A training that goes on, and buttons that it obeys.
//
// page -> kernel: {type: "step"}, {type: "stop"}, {type: "lower", factor},
//                 {type: "dropout", dropout, session, edit}; the trait `playing`
// kernel -> page: the traits; `_whole` is {unit, columns, count, panels, best, overfitsFrom, changes}
//                 + float64 (columns, count) + float64 (position, loss and norm of batches)

import { element, say } from "../live/drawing.js";
import { SAVED, tellKernel } from "../live/kernel.js";
import { showMessage } from "../live/message.js";
import { WidgetSession, widgetOf } from "../live/session.js";
import { unpack } from "../live/store.js";
import { WidgetView } from "../live/view.js";
import { written } from "../live/ticks.js";
import { CoursePlot, CourseStore } from "./course_plot.js";

const MONITOR_TRAITS = [
  "playing", "theme", "state", "position", "lr", "dropout", "verdict", "error", "_details", "_left", "_about",
];
const OVER = ["finished", "stopped", "failed"];
const LEAST_END = 8; // where the axis of epochs ends at first

class MonitorSession extends WidgetSession {
  constructor(model) {
    super(model);
    this.store = new CourseStore();
    this.take();
    this.listen({ "change:_whole": () => this.take() }, MONITOR_TRAITS);
  }

  take() {
    const [header, buffers] = unpack(this.model.get("_whole")) ?? [];
    if (header) this.store.take(header, buffers);
    this.each((view) => view.show());
  }

  get playing() {
    return this.answers && this.model.get("playing");
  }

  // Where the horizontal axis ends: at the last epoch, or some way ahead as long as it goes on.
  end() {
    const { model, store } = this;
    const position = Math.max(model.get("position"), store.count ? store.number(store.count - 1) : 0);
    if (OVER.includes(model.get("state")) || !this.answers) return Math.max(1, position);
    const step = 2 ** Math.max(2, Math.ceil(Math.log2(Math.max(1, position))) - 2);
    const ahead = Math.max(LEAST_END, Math.ceil((position + 0.01) / step) * step);
    return Math.max(1, position, Math.min(ahead, model.get("_about").total ?? Infinity));
  }
}

class MonitorView extends WidgetView {
  constructor(session, parent) {
    super(session, parent, { class: "lw-live lw-monitor", "aria-label": "Training of an LSTM" });
    this.makeControls();
    this.progress = element(this.root, "progress", { "aria-label": "Trained", hidden: "" });
    this.message = element(this.root, "div", { class: "lw-message", hidden: "" });
    this.plot = new CoursePlot(this.root, {
      store: session.store, palette: () => this.palette, end: () => session.end(),
    });
    Object.assign(this.root, { store: session.store, plot: this.plot }); // for whoever wants numbers
    this.verdict = element(this.root, "p", { class: "lw-verdict" });
    this.changes = element(this.root, "p", { class: "lw-changes" });
    this.root.addEventListener("keydown", (event) => this.press(event));
    this.begin();
  }

  close() {
    this.plot.close();
    super.close();
  }

  makeControls() {
    const { session } = this;
    const { unit, steers } = session.model.get("_about");
    this.bar = element(this.root, "div", {
      class: "lw-controls", role: "toolbar", "aria-label": "Training",
    });
    const button = (text, title, click, style = "") =>
      element(this.bar, "button", { type: "button", text, title, class: style }, { click });
    const isEpochs = unit === "epoch";
    this.play = button("▶ Train", "Go on or pause (space)", () => this.toggle(), "lw-main");
    this.step = button(
      isEpochs ? "One epoch" : "100 events", "Go on for so long, and rest",
      () => tellKernel(session, { type: "step" }));
    this.stop = button(
      isEpochs ? "■ Stop, keep the best" : "■ Stop",
      isEpochs ? "End; the model gets the weights of the best epoch" : "End; the model keeps what it has learned",
      () => tellKernel(session, { type: "stop" }));
    if (steers.lr)
      this.lower = button("Halve the rate", "Half the learning rate, from the next batch on", () =>
        tellKernel(session, { type: "lower", factor: 0.5 }));
    if (steers.dropout) {
      const label = element(this.bar, "label", {
        class: "lw-speed", title: "Share of inputs and outputs that the model drops in training",
      });
      element(label, "span", { text: "Dropout" });
      this.dropout = element(label, "input", { type: "range", min: 0, max: 0.9, step: 0.05 }, {
        input: () => say(this.dropoutSaid, written(Number(this.dropout.value))),
        change: () => session.edit("dropout", { dropout: Number(this.dropout.value) }),
      });
      this.dropoutSaid = element(label, "output");
    }
    this.reading = element(this.bar, "span", { class: "lw-reading" });
  }

  toggle() {
    const { session } = this;
    if (session.answers && !this.play.disabled) session.set("playing", !session.playing);
  }

  show() {
    const { model, answers, playing, store } = this.session;
    const state = model.get("state");
    this.showTheme();
    this.root.dataset.state = state;
    const isEpochs = model.get("_about").unit === "epoch";
    const over = isEpochs && OVER.includes(state);
    for (const each of this.bar.querySelectorAll("button, input")) each.disabled = !answers || over;
    this.stop.disabled ||= OVER.includes(state);
    this.play.textContent = playing ? "❚❚ Pause" : "▶ Train";
    if (this.lower) this.lower.disabled ||= !(model.get("lr") > 0);
    this.showDropout();
    this.showMessage();
    this.read();
    this.verdict.setAttribute("aria-live", playing ? "off" : "polite");
    say(this.verdict, model.get("verdict"));
    const unit = model.get("_about").unit;
    const when = ({ position, text }) => `${unit} ${written(position)}: ${text}`;
    say(this.changes, store.changes.length ? `Changed after ${store.changes.map(when).join("; after ")}.` : "");
    this.changes.hidden = !store.changes.length;
    this.plot.refresh();
  }

  showDropout() {
    if (!this.dropout) return;
    const value = this.session.get("dropout") ?? 0;
    const isHeld = this.dropout === this.root.getRootNode().activeElement && this.dropout.matches(":active");
    if (isHeld) return;
    if (Number(this.dropout.value) !== value) this.dropout.value = value;
    say(this.dropoutSaid, written(value));
  }

  showMessage() {
    const { model, answers } = this.session;
    const [error, details, state] = ["error", "_details", "state"].map((name) => model.get(name));
    const ready = state === "ready" ? "Press Train; everything can be changed on the way." : "";
    showMessage(this.message, { error, details, note: answers ? ready : SAVED });
  }

  // How far it is, its rate, and how long it still takes.
  read() {
    const { model, answers } = this.session;
    const { unit, total, atMost } = model.get("_about");
    const position = model.get("position");
    const done = Math.floor(position + 1e-9).toLocaleString("en");
    const told = [`${done}${total === null ? "" : ` of ${total.toLocaleString("en")}`} ${unit}s`];
    const lr = model.get("lr");
    if (lr !== null) told.push(`rate ${written(lr)}`);
    const left = model.get("_left");
    if (left !== null && answers && !OVER.includes(model.get("state")))
      told.push(`${atMost ? "at most " : ""}${spanText(left)} left`);
    say(this.reading, told.join(" · "));
    this.progress.hidden = total === null;
    if (total !== null) Object.assign(this.progress, { max: total || 1, value: position });
  }

  press(event) {
    if (event.ctrlKey || event.altKey || event.metaKey || event.key !== " ") return;
    if (event.target.matches("input, select, button, summary")) return;
    this.toggle();
    event.preventDefault();
    event.stopPropagation();
  }
}

// Seconds for people.
function spanText(seconds) {
  if (seconds < 90) return `${seconds < 9.5 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export const trainingMonitor = widgetOf(MonitorSession, MonitorView);

export default trainingMonitor;
