// SentimentExplorer: a text while one types it, and what the kernel says of it.
//
// page -> kernel: {type: "text", text, session, edit}, one at a time: the next when that was heard
//                 {type: "of", place}, {type: "flips"}, {type: "teach", text, place}, {type: "undo"}
// kernel -> page: {type: "heard", session, edit}
//
// All that is computed says of which text it is and by which weights: other numbers are not shown.

import { element, say } from "../live/drawing.js";
import { SAVED, tellKernel } from "../live/kernel.js";
import { WidgetSession, widgetOf } from "../live/session.js";
import { float32, unpack } from "../live/store.js";
import { WidgetView } from "../live/view.js";
import { ExplorerFlips, ExplorerLessons } from "./explorer_parts.js";
import { ExplorerText } from "./explorer_text.js";

const EXPLORER_TRAITS = [
  ...["text", "compare_with", "theme", "error", "_of", "_version", "_difference", "_flips", "_lessons", "_progress"],
  ...["_reading", "_contributions", "_other_reading", "_other_contributions"],
];
const NO_TEXT = "Type a sentence, or paste a text: its class after each word appears as you type.";

class ExplorerSession extends WidgetSession {
  constructor(model) {
    super(model);
    this.typed = null; // a text that the kernel has not heard of
    this.isOnItsWay = false;
    this.parsed = new Map();
    const heard = ({ type, session, edit }) => {
      if (type !== "heard" || session !== this.name || edit !== this.edits) return;
      this.isOnItsWay = false;
      if (this.typed === this.sent) this.typed = null;
      else this.sendText();
      this.each((view) => view.show());
    };
    this.listen({ "msg:custom": heard }, EXPLORER_TRAITS);
  }

  get text() {
    return this.typed ?? this.model.get("text");
  }

  type(text) {
    this.typed = text;
    if (!this.isOnItsWay) this.sendText();
    this.each((view) => view.show());
  }

  sendText() {
    if (!this.answers) return;
    this.isOnItsWay = true;
    this.sent = this.typed;
    tellKernel(this, { type: "text", text: this.sent, session: this.name, edit: ++this.edits });
  }

  tell(message) {
    tellKernel(this, message);
  }

  frame(name) {
    const view = this.model.get(name);
    const known = this.parsed.get(name);
    if (known && known.view === view) return known.frame;
    const [header, buffers] = unpack(view) ?? [];
    const frame = header ? { ...header, numbers: buffers.map(float32) } : null;
    this.parsed.set(name, { view, frame });
    return frame;
  }

  // What is known of a text, as ExplorerText takes it, and whether that is of before.
  found(prefix, text, side, ofOther) {
    const { model } = this;
    const reading = this.frame(`${prefix}reading`), later = this.frame(`${prefix}contributions`);
    if (!reading || text === null) return [null, false];
    const { text: readText, version, words, unknown, numbers } = reading;
    const { classes } = model.get("_about");
    const [shares, gates] = numbers;
    const last = [...shares.subarray(-classes.length)];
    const chosen = model.get("_of");
    const of = chosen < 0 ? (ofOther ?? last.indexOf(Math.max(...last))) : chosen;
    const is = later && later.text === readText && later.version === version;
    const [added, baseline] = is ? later.numbers : [null, null];
    const { texts = [], places = [[], []] } = model.get("_difference");
    const compared = texts.join("\0") === [this.model.get("text"), model.get("compare_with")].join("\0");
    const changed = compared ? places[side] : [];
    const isDue = readText !== text || version !== model.get("_version");
    return [{ text: readText, words, unknown, shares, gates, added, baseline, changed, classes, of }, isDue];
  }
}

class ExplorerView extends WidgetView {
  constructor(session, parent) {
    super(session, parent, {
      class: "lw-live lw-explorer", "aria-label": "What a classifier thinks of a text",
    });
    this.makeInput();
    this.message = element(this.root, "div", { class: "lw-message", role: "status", hidden: "" });
    this.makeLegend();
    const both = element(this.root, "div", { class: "lw-both" });
    this.texts = ["The text", "Compared with"].map((name) =>
      new ExplorerText(both, name, { onWord: (place) => this.select(name, place) }));
    this.titles = this.texts.map(({ root }) => {
      const title = element(null, "p", { class: "lw-text-title" });
      root.prepend(title);
      return title;
    });
    this.flips = new ExplorerFlips(this.root, (text) => this.try(text));
    this.lessons = new ExplorerLessons(this.root, {
      onTeach: (place) => session.tell({ type: "teach", text: session.text, place }),
      onUndo: () => session.tell({ type: "undo" }),
    });
    this.begin();
  }

  resize() {
    this.show();
  }

  makeInput() {
    const { session } = this;
    const label = element(this.root, "label", { class: "lw-typed" });
    element(label, "span", { class: "lw-spoken", text: "Text" });
    const input = { rows: "2", spellcheck: "false", placeholder: "Type a sentence, or paste a text" };
    this.input = element(label, "textarea", input, {
      input: () => {
        session.type(this.input.value);
        this.grow();
      },
    });
    const bar = element(this.root, "div", { class: "lw-controls", role: "group", "aria-label": "Text" });
    const button = (text, title, click) => element(bar, "button", { type: "button", text, title }, { click });
    this.pin = button("Compare with this", "Keep this text beside the one that you type", () =>
      session.set("compare_with", session.text));
    this.unpin = button("Compare no more", "", () => session.set("compare_with", null));
    this.ask = button("What would flip it?", "The fewest words to leave out or to replace for another class", () =>
      session.tell({ type: "flips" }));
    this.ofField = element(bar, "label");
    element(this.ofField, "span", { text: "Contributions to" });
    this.of = element(this.ofField, "select", {}, {
      change: () => session.tell({ type: "of", place: Number(this.of.value) }),
    });
    this.progress = element(this.root, "progress", { max: 1, "aria-label": "Explaining" });
  }

  makeLegend() {
    this.legend = element(this.root, "div", { class: "lw-legend lw-explorer-legend" });
    const entry = (kind, text) => {
      const node = element(this.legend, "span", { class: "lw-entry" });
      element(node, "span", { class: `lw-key lw-key-${kind}` });
      return element(node, "span", { text });
    };
    this.raises = entry("up", "");
    this.lowers = entry("down", "");
    entry("stack", "classes, had the text ended there");
    entry("gates", "input, forget and output gate");
    entry("unknown", "unknown to the network");
    this.differs = entry("changed", "differs").parentElement;
  }

  // Select a word where it was typed, to be edited.
  select(name, place) {
    if (name !== "The text" || !this.session.answers) return;
    const { found } = this.texts[0];
    const text = this.input.value.toLowerCase();
    let at = 0;
    for (let n = 0; n <= place; n++) {
      const begin = text.indexOf(found.words[n], at);
      if (begin < 0) return; // it was typed in another way than the tokenizer writes it
      at = begin + found.words[n].length;
      if (n === place) this.input.setSelectionRange(begin, at);
    }
    this.input.focus();
  }

  try(text) {
    const { session } = this;
    if (session.model.get("compare_with") === null) session.set("compare_with", session.text);
    session.type(text);
  }

  grow() {
    this.input.style.height = "auto";
    this.input.style.height = `${Math.min(180, this.input.scrollHeight + 2)}px`;
  }

  show() {
    const { session } = this;
    const { model, answers } = session;
    this.showTheme();
    const { text } = session;
    if (this.input.value !== text) {
      this.input.value = text;
      this.grow();
    }
    this.input.readOnly = !answers;
    const other = model.get("compare_with");
    const first = session.found("_", text, 0);
    const second = session.found("_other_", other, 1, first[0]?.of);
    const isReady = answers && first[0] && !first[1];
    this.texts[0].show(...first);
    this.texts[1].show(...second);
    const [ownTitle, otherTitle] = this.titles;
    ownTitle.hidden = !second[0];
    say(ownTitle, "As typed");
    say(otherTitle, `Compared with “${other?.length > 120 ? `${other.slice(0, 119)}…` : other}”`);
    this.showControls(isReady, answers, other);
    this.showMessage(first[0], text, answers);
    const of = first[0] ? first[0].classes[first[0].of] : "";
    this.legend.hidden = !first[0];
    say(this.raises, `raises the probability of ${of}`);
    say(this.lowers, "lowers it");
    this.differs.hidden = !second[0];
    const flips = model.get("_flips");
    const { classes } = model.get("_about");
    const fits = flips.text === text && flips.version === model.get("_version");
    this.flips.show(fits ? flips : null, classes, answers);
    this.lessons.show(model.get("_lessons"), classes, isReady);
    const share = model.get("_progress");
    this.progress.value = share;
    this.progress.classList.toggle("lw-done", share >= 1 || !answers);
  }

  showControls(isReady, answers, other) {
    const { model } = this.session;
    const { classes } = model.get("_about");
    if (this.of.length !== classes.length + 1) {
      this.of.replaceChildren();
      element(this.of, "option", { value: -1, text: "the predicted class" });
      classes.forEach((text, value) => element(this.of, "option", { value, text }));
    }
    this.of.value = model.get("_of");
    this.of.disabled = !answers;
    this.pin.disabled = this.ask.disabled = !isReady;
    this.unpin.hidden = other === null;
    this.unpin.disabled = !answers;
  }

  showMessage(found, text, answers) {
    const { model } = this.session;
    const error = model.get("error");
    const message = error || (answers ? (found && text.trim() ? "" : NO_TEXT) : SAVED);
    this.message.hidden = !message;
    this.message.classList.toggle("lw-error", Boolean(error));
    say(this.message, message);
  }
}

export const sentimentExplorer = widgetOf(ExplorerSession, ExplorerView);

export default sentimentExplorer;
