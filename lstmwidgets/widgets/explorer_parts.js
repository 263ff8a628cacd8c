// Beside the texts of a SentimentExplorer: what would flip the class, and what was learned.

import { element, say } from "../live/drawing.js";
import { classColour } from "../live/palette.js";
import { percentOf } from "./explorer_text.js";

// The fewest edits that flip the class; a click tries one.
export class ExplorerFlips {
  constructor(parent, onTry) {
    this.onTry = onTry;
    this.root = element(parent, "div", { class: "lw-flips", hidden: "" });
    this.title = element(this.root, "p", { class: "lw-flips-title", role: "status" });
    this.list = element(this.root, "ol", { class: "lw-flip-list" });
  }

  // flips: what the kernel found of the text that is shown, or null.
  show(flips, classes, isAble) {
    this.root.hidden = !flips;
    const key = JSON.stringify([flips, isAble]);
    if (!flips || key === this.key) return;
    this.key = key;
    const { found, tried } = flips;
    const texts = tried.toLocaleString("en");
    say(this.title, found.length
      ? `The fewest edits that flip it, each read by the whole model (${texts} texts tried):`
      : `Nothing flips it: ${texts} texts with one edit or two were tried.`);
    this.list.replaceChildren();
    for (const flip of found) this.makeRow(flips.words, flip, classes, isAble);
  }

  makeRow(words, { edits, label, share, text }, classes, isAble) {
    const row = element(element(this.list, "li"), "button", { type: "button", class: "lw-flip" }, {
      click: () => this.onTry(text),
    });
    row.disabled = !isAble;
    const said = element(row, "span", { class: "lw-edits" });
    for (const [place, by] of edits) {
      element(said, "del", { text: words[place] });
      if (by !== null) element(said, "ins", { text: by });
    }
    const swatch = element(row, "span", { class: "lw-swatch lw-box" });
    swatch.style.setProperty("--lw-colour", classColour(label));
    element(row, "span", { text: classes[label] });
    element(row, "b", { text: percentOf(share) });
  }
}

// Buttons for the right label, and what has been learned.
export class ExplorerLessons {
  constructor(parent, calls) {
    this.calls = calls;
    this.bar = element(parent, "div", { class: "lw-controls lw-teach", role: "group", "aria-label": "Right label" });
    element(this.bar, "span", { text: "The right label is" });
    this.labels = element(this.bar, "span", { class: "lw-labels" });
    this.undo = element(this.bar, "button", { type: "button", text: "Undo", title: "Forget the last lesson" }, {
      click: calls.onUndo,
    });
    this.said = element(parent, "p", { class: "lw-learned", role: "status", hidden: "" });
    this.buttons = [];
  }

  show(lessons, classes, isAble) {
    while (this.buttons.length < classes.length) {
      const place = this.buttons.length;
      const button = element(this.labels, "button", { type: "button", class: "lw-label-button" }, {
        click: () => this.calls.onTeach(place),
      });
      const swatch = element(button, "span", { class: "lw-swatch lw-box" });
      swatch.style.setProperty("--lw-colour", classColour(place));
      element(button, "span", { text: classes[place] });
      this.buttons.push(button);
    }
    for (const button of this.buttons) button.disabled = !isAble;
    this.undo.disabled = !isAble || !lessons.length;
    this.said.hidden = !lessons.length;
    const last = lessons.at(-1);
    if (!last) return;
    const { text, label, before, after } = last;
    const count = lessons.length === 1 ? "" : ` ${lessons.length} lessons so far.`;
    say(
      this.said,
      `Learned “${text}” as ${classes[label]}: ${percentOf(before)} before, ${percentOf(after)} after.${count} ` +
        "Your own model is as it was.",
    );
  }
}
