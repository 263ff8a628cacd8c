// What is told beside a pointer: a head, and rows of a name and a value.

import { element } from "./drawing.js";

const TIP_APART = 14; // pixels from the pointer

export class Tip {
  constructor(parent) {
    this.parent = parent;
    this.root = element(parent, "div", { class: "lw-tip", role: "tooltip", hidden: "" });
  }

  get hidden() {
    return this.root.hidden;
  }

  set hidden(hidden) {
    this.root.hidden = hidden;
  }

  // rows: [name, value], and of what is a line in the picture {colour, dashed} behind that
  tell(head, rows) {
    this.root.replaceChildren();
    element(this.root, "div", { class: "lw-tip-head", text: head });
    for (const [name, value, line] of rows) {
      const row = element(this.root, "div", { class: "lw-tip-row" });
      const named = element(row, "span", line ? { class: "lw-entry" } : { text: name });
      if (line) {
        const swatch = element(named, "span", { class: "lw-swatch", "aria-hidden": "true" });
        swatch.classList.toggle("lw-dashes", Boolean(line.dashed));
        swatch.style.setProperty("--lw-colour", line.colour);
        element(named, "span", { text: name });
      }
      element(row, "b", { text: value });
    }
    this.root.hidden = false;
  }

  // A sentence below the rows.
  add(text) {
    element(this.root, "div", { class: "lw-tip-note", text });
  }

  // On that side of x where there is room, and so far down, but not below the end of the picture.
  place(x, y, { high = this.parent.clientHeight, apart = TIP_APART } = {}) {
    const { offsetWidth: wide, offsetHeight: tall } = this.root;
    const across = x + apart + wide > this.parent.clientWidth ? x - apart - wide : x + apart;
    this.at(across, Math.min(y, high - tall));
  }

  at(x, y) {
    this.root.style.transform = `translate(${Math.max(0, x)}px, ${Math.max(0, y)}px)`;
  }
}
