// The page of a job that runs elsewhere: how it goes, what it is, its errors, and its pictures.
//
// server -> page: a frame as bytes, see `Frame.to_bytes`
//                 {events, facts: [[name, value]], caption, columns: [name], errors: [[cell]],
//                 notes: [text]} once in a while
//                 {ended: words, failed} before the server goes
// page -> server: {type: "pace", seconds}, {type: "whole"}

import { Chart } from "./chart.js";
import { element, say } from "./drawing.js";
import { newName } from "./kernel.js";
import { Pace, PACING } from "./pace.js";
import { RunStore, unpack } from "./store.js";

const QUIET = 3; // seconds without an event until the page says so
const AVERAGED = 5; // seconds over which the speed is averaged
const GONE = "The job is not there any more. This is what was seen of it.";

class JobPage {
  constructor(root, { title, panels, window }) {
    this.root = root;
    this.store = new RunStore(window);
    this.speed = new Speed();
    this.events = 0;
    element(root, "h1", { text: title });
    this.state = element(root, "p", { class: "lw-state", role: "status" });
    const summary = element(root, "div", { class: "lw-summary" });
    this.facts = element(summary, "dl");
    this.table(summary);
    this.chart = new Chart(root, {
      store: this.store, run: newName(), specs: panels, folded: [],
      total: () => null,
      theme: () => "auto",
    });
    this.notes = element(root, "p", { class: "lw-notes" });
    Object.assign(root, { store: this.store, chart: this.chart }); // for whoever wants the numbers
    this.chart.moving = true;
    this.pace = new Pace((seconds) => this.send({ type: "pace", seconds }));
    this.looking = setInterval(() => this.look(), PACING);
    this.connect();
    this.tell();
  }

  connect() {
    const { protocol, host, pathname } = location;
    const address = `${protocol === "https:" ? "wss" : "ws"}://${host}${pathname}frames`;
    this.socket = new WebSocket(address);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = ({ data }) =>
      typeof data === "string" ? this.takeSummary(JSON.parse(data)) : this.takeFrame(data);
    this.socket.onclose = () => this.end(GONE, true);
  }

  send(message) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(message));
  }

  takeFrame(data) {
    this.pace.take();
    if (!this.store.take(...unpack(new DataView(data)))) this.send({ type: "whole" });
    this.chart.refresh();
  }

  takeSummary({ events, facts, caption, columns, errors, notes, ended, failed }) {
    if (ended) return this.end(ended, failed);
    this.events = events;
    this.facts.replaceChildren();
    for (const [name, value] of facts) {
      const fact = element(this.facts, "div");
      element(fact, "dt", { text: name });
      element(fact, "dd", { text: value });
    }
    say(this.caption, caption);
    this.columns.replaceChildren();
    for (const text of columns) element(this.columns, "th", { text, scope: "col" });
    this.errors.replaceChildren();
    for (const cells of errors) {
      const row = element(this.errors, "tr");
      cells.forEach((text, n) => element(row, n ? "td" : "th", { text, ...(n ? {} : { scope: "row" }) }));
    }
    this.errors.parentElement.hidden = !errors.length;
    say(this.notes, notes.join(" "));
    this.tell();
  }

  table(parent) {
    const table = element(parent, "table", { hidden: "" });
    this.caption = element(table, "caption");
    this.columns = element(element(table, "thead"), "tr");
    this.errors = element(table, "tbody");
  }

  look() {
    this.pace.look([this.chart], !this.ended);
    this.tell();
  }

  // What the job is doing, by the events that have come.
  tell() {
    if (this.ended) return;
    const { events } = this;
    const speed = this.speed.of(events);
    if (!events) this.say("waiting", "Waiting for the first event");
    else if (this.speed.quiet) this.say("waiting", "Waiting for the next event");
    else this.say("running", speed ? `Running, ${speed}` : "Running");
  }

  say(state, words) {
    this.root.dataset.state = state;
    say(this.state, words);
  }

  end(words, failed) {
    if (this.ended) return;
    this.ended = true;
    clearInterval(this.looking);
    this.chart.moving = false;
    this.chart.refresh();
    this.say(failed ? "failed" : "ended", words);
  }
}

// How many events a second there were lately.
class Speed {
  past = [];
  moved = -Infinity;

  of(events) {
    const now = performance.now() / 1000;
    if (events !== this.past.at(-1)?.events) this.moved = now;
    this.past.push({ now, events });
    while (now - this.past[0].now > AVERAGED) this.past.shift();
    const [first] = this.past;
    if (now - first.now < 0.25) return "";
    const speed = (events - first.events) / (now - first.now);
    const rounded = speed >= 10 ? Number(speed.toPrecision(2)) : Math.round(10 * speed) / 10;
    return speed > 0 ? `${rounded.toLocaleString("en")} events a second` : "";
  }

  get quiet() {
    return performance.now() / 1000 - this.moved > QUIET;
  }
}
