// One LiveStream in a page: what all of its views share, and each view's controls over the picture.

import { Chart } from "../live/chart.js";
import { keepKeys } from "../live/keys.js";
import { newName, SAVED, tellKernel } from "../live/kernel.js";
import { element } from "../live/drawing.js";
import { FedSession } from "../live/fed_session.js";
import { showMessage } from "../live/message.js";
import { Pace, PACING } from "../live/pace.js";
import { RunStore } from "../live/store.js";
import { widgetOf } from "../live/session.js";

const SPEEDS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, null]; // null: full speed
const TITLES = {
  hidden_size: "Units", cell: "Cell", lr: "Learning rate", gradient: "Gradient", window: "Window",
  seed: "Seed",
};
const READING = 500; // ms over which the rate of events is counted
const SILENCE = 3; // seconds without an event until the page says so

class Session extends FedSession {
  constructor(model) {
    super(model);
    this.run = model.get("_about").run; // as those that follow know it
    this.store = new RunStore(model.get("_about").window);
    this.heard = performance.now();
    this.pace = new Pace((seconds) =>
      tellKernel(this, { type: "pace", view: this.name, seconds }));
    const listeners = {
      "msg:custom": (message, buffers) => message.type === "frame" && this.take(message, buffers),
      "change:_whole": () => this.takeWhole(),
      "change:theme": () => this.each((view) => view.chart.recolour()),
      "change:settings": () => this.each((view) => view.showSettings()),
      "change:folded": () => this.each((view) => view.chart.setFolded(model.get("folded"))),
    };
    this.listen(listeners, ["playing", "speed", "learning", "state", "error", "_details", "_note"]);
    const looking = setInterval(() => this.look(), PACING);
    const { close } = this;
    this.close = () => {
      clearInterval(looking);
      close();
    };
    this.takeWhole();
  }

  get playing() {
    return this.answers && this.model.get("playing");
  }

  take(header, buffers) {
    this.pace.take();
    this.heard = performance.now();
    super.take(header, buffers);
    this.each((view) => view.refresh());
  }

  look() {
    this.each((view) => view.read());
    this.pace.look([...this.views].map((view) => view.chart), this.playing);
  }
}

class View {
  constructor(session, parent) {
    this.session = session;
    this.id = newName();
    this.root = element(parent, "div", {
      class: "lw-live", role: "group", "aria-label": "Live stream",
    });
    keepKeys(this.root);
    this.makeControls();
    this.progress = element(this.root, "progress", { "aria-label": "Played", hidden: "" });
    this.message = element(this.root, "div", { class: "lw-message", hidden: "" });
    const { model, store, run } = session;
    const { panels } = model.get("_about");
    this.chart = new Chart(this.root, {
      store, run, specs: panels,
      total: () => model.get("total"),
      theme: () => model.get("theme"),
      folded: model.get("folded"),
      onFold: (folded) => session.set("folded", folded),
      onTell: () => this.read(),
    });
    Object.assign(this.root, { store, chart: this.chart }); // for whoever wants the numbers
    this.spoken = element(this.root, "p", { class: "lw-spoken", "aria-live": "polite" });
    this.root.addEventListener("keydown", (event) => this.press(event));
    this.scrolled = () => this.keepInView();
    document.addEventListener("scroll", this.scrolled, { capture: true, passive: true });
    this.counted = { at: performance.now(), done: 0, rate: 0 };
    this.show();
    session.views.add(this);
    tellKernel(session, { type: "hello", view: this.id });
    if (!store.next && model.get("position")) session.ask();
  }

  close() {
    this.session.views.delete(this);
    this.chart.close();
    document.removeEventListener("scroll", this.scrolled, { capture: true });
    tellKernel(this.session, { type: "bye", view: this.id });
    this.root.remove();
  }

  makeControls() {
    const { session } = this;
    const { model } = session;
    const bar = element(this.root, "div", {
      class: "lw-controls", role: "toolbar", "aria-label": "Player",
    });
    this.bar = bar;
    const button = (text, title, click, style = "") =>
      element(bar, "button", { type: "button", text, title, class: style }, { click });
    this.play = button("▶ Play", "Play or pause (space)", () => this.toggle(), "lw-main");
    this.step = button("Step", "Take one event (s)", () => tellKernel(session, { type: "step" }));
    this.stop = button("■ Stop", "End; playing again starts from the beginning", () =>
      tellKernel(session, { type: "stop" }));
    const speed = element(bar, "label", { class: "lw-speed" });
    element(speed, "span", { text: "Speed" });
    this.speed = element(speed, "input", {
      type: "range", min: 0, max: SPEEDS.length - 1, step: 1, "aria-label": "Speed",
    }, { input: () => session.set("speed", SPEEDS[this.speed.value]) });
    this.pace = element(speed, "output");
    if (model.get("_about").learns) {
      const learn = element(bar, "label", { title: "Whether the model learns from the events" });
      this.learn = element(learn, "input", { type: "checkbox" }, {
        change: () => session.set("learning", this.learn.checked),
      });
      element(learn, "span", { text: "Learn" });
    }
    if (Object.keys(model.get("settings")).length) this.makeTry(bar);
    this.reading = element(bar, "span", { class: "lw-reading" });
  }

  // What the model is made of, to be changed, as in a playground.
  makeTry(bar) {
    const { session } = this;
    const { choices } = session.model.get("_about");
    const form = element(null, "form", { class: "lw-try", hidden: "" });
    const open = element(bar, "button", {
      type: "button", text: "Try it", title: "Change the model and begin again", "aria-expanded": "false",
    }, {
      click: () => {
        form.hidden = !form.hidden;
        open.setAttribute("aria-expanded", !form.hidden);
      },
    });
    this.fields = {};
    for (const [name, value] of Object.entries(session.model.get("settings"))) {
      const label = element(form, "label", { text: `${TITLES[name]} ` });
      const options = choices[name];
      const named = { "aria-label": TITLES[name] };
      const number = { type: "number", step: name === "lr" ? "any" : 1, min: 0 };
      const field = options
        ? element(label, "select", named)
        : element(label, "input", { ...named, ...number });
      for (const each of options ?? []) element(field, "option", { value: each, text: each.replaceAll("_", " ") });
      field.value = value ?? "";
      this.fields[name] = field;
    }
    element(form, "button", { type: "submit", text: "Begin again" });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      tellKernel(session, { type: "begin", settings: this.chosen() });
    });
    bar.after(form);
  }

  chosen() {
    const settings = {};
    for (const [name, field] of Object.entries(this.fields)) {
      if (field.type !== "number") settings[name] = field.value;
      else if (field.value !== "") settings[name] = Number(field.value);
      else if (name === "seed") settings[name] = null;
    }
    return settings;
  }

  // The controls go along while one scrolls over the picture. CSS cannot do it: outputs of notebooks
  // scroll sideways, so that nothing in them sticks to what scrolls up and down.
  keepInView() {
    let outer = this.root.parentElement;
    while (outer && !(outer.scrollHeight > outer.clientHeight + 1 && outer.scrollTop > 0))
      outer = outer.parentElement ?? outer.getRootNode().host ?? null;
    const edge = outer ? Math.max(0, outer.getBoundingClientRect().top) : 0;
    const { top, height } = this.root.getBoundingClientRect();
    const by = Math.min(Math.max(0, edge - top), Math.max(0, height - this.bar.offsetHeight));
    this.bar.style.transform = by ? `translateY(${by}px)` : "";
  }

  toggle() {
    const { session } = this;
    if (session.answers) session.set("playing", !session.playing);
  }

  refresh() {
    this.chart.refresh();
  }

  // What the controls say, whoever has changed it.
  show() {
    const { model, playing, answers } = this.session;
    const [state, speed] = ["state", "speed"].map((name) => model.get(name));
    for (const each of this.bar.querySelectorAll("button, input")) each.disabled = !answers;
    this.play.textContent = playing ? "❚❚ Pause" : "▶ Play";
    this.stop.disabled ||= state === "stopped" || state === "finished";
    const place = SPEEDS.indexOf(speed);
    this.speed.value = place >= 0 ? place : nearest(speed);
    const words = speed === null ? "full speed" : `${speed.toLocaleString("en")} a second`;
    this.pace.textContent = words;
    this.speed.setAttribute("aria-valuetext", words);
    if (this.learn) this.learn.checked = model.get("learning");
    this.root.dataset.state = state;
    const was = this.chart.moving;
    this.chart.moving = playing;
    this.showMessage();
    if (was && !playing) this.announce(state);
    this.chart.refresh();
    this.read();
  }

  showSettings() {
    for (const [name, value] of Object.entries(this.session.model.get("settings")))
      if (this.fields[name] !== this.root.getRootNode().activeElement) this.fields[name].value = value ?? "";
  }

  showMessage() {
    const { model, answers } = this.session;
    const [error, details] = ["error", "_details"].map((name) => model.get(name));
    const before = model.get("state") === "failed" ? "The player has ended. " : "";
    showMessage(this.message, { error, details, note: answers ? model.get("_note") : SAVED, before });
  }

  // How far it is, and how fast. In a source of texts what one plays are their words.
  read() {
    if (!this.chart) return;
    const { model, store } = this.session;
    const { position, words } = store;
    const total = model.get("total");
    const done = words ? store.next : position;
    const now = performance.now();
    const { counted } = this;
    if (now - counted.at >= READING) {
      counted.rate = ((done - counted.done) / (now - counted.at)) * 1000;
      Object.assign(counted, { at: now, done });
    }
    const of = total === null ? "" : ` of ${total.toLocaleString("en")}`;
    const noun = (words ? "text" : "event") + (position === 1 && total === null ? "" : "s");
    const told = [`${position.toLocaleString("en")}${of} ${noun}`];
    if (words) told.unshift(`${done.toLocaleString("en")} words`);
    if (this.session.playing) told.push(this.rate());
    const text = told.filter(Boolean).join(" · ");
    if (this.reading.textContent !== text) this.reading.textContent = text;
    this.progress.hidden = total === null;
    if (total !== null) Object.assign(this.progress, { max: total || 1, value: position });
  }

  rate() {
    const silent = (performance.now() - this.session.heard) / 1000;
    const speed = this.session.model.get("speed");
    if (silent > SILENCE + 2 / (speed ?? Infinity)) return `no event for ${Math.round(silent)} s`;
    const { rate } = this.counted;
    const shown = rate >= 10 ? Math.round(rate) : Math.round(10 * rate) / 10;
    return rate > 0 ? `${shown.toLocaleString("en")} a second` : "";
  }

  announce(state) {
    const { store } = this.session;
    const panel = this.chart.panels.find((each) => each.spec.kind === "curve");
    const told = [`${state} after ${store.position.toLocaleString("en")} events`];
    if (panel && store.next) told.push(panel.canvas.getAttribute("aria-label"));
    this.spoken.textContent = told.join(". ");
  }

  press(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.target.matches("input, select, button, summary")) return;
    const calls = { " ": () => this.toggle(), s: () => this.step.click() };
    if (!calls[event.key]) return;
    calls[event.key]();
    event.preventDefault();
    event.stopPropagation();
  }
}

function nearest(speed) {
  const far = SPEEDS.slice(0, -1).map((each) => Math.abs(Math.log(each / speed)));
  return far.indexOf(Math.min(...far));
}

export const liveStream = widgetOf(Session, View);

export default liveStream;
