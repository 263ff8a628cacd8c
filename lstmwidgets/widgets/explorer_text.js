// A text word by word: what each word adds, the classes after it, and the gates, with a tip on each.

import { element, say } from "../live/drawing.js";
import { newName } from "../live/kernel.js";
import { classColour } from "../live/palette.js";
import { Tip } from "../live/tip.js";

const WORDS_IN_VIEW = 150; // of a longer text one looks at so many at a time
const GATE_NAMES = ["input gate", "forget gate", "output gate"];
const LEAST_ADDED = 0.02; // a contribution that fills its bar, if no word of the text has a larger one

export const percentOf = (share, digits = 1) => `${(100 * share).toFixed(digits)} %`;
export const signedPercent = (share, digits = 1) => {
  const text = Math.abs(100 * share).toFixed(digits);
  return `${Number(text) === 0 ? "" : share < 0 ? "−" : "+"}${text} %`;
};

export class ExplorerText {
  // calls: onWord(place), when a word is clicked.
  constructor(parent, name, calls) {
    this.calls = calls;
    this.name = newName();
    this.first = this.place = 0;
    this.found = null;
    this.root = element(parent, "section", { class: "lw-text", "aria-label": name });
    this.head = element(this.root, "div", { class: "lw-shares" });
    this.sum = element(this.root, "p", { class: "lw-sum" });
    this.makePages();
    this.words = element(this.root, "div", {
      class: "lw-words", role: "listbox", tabindex: "0", "aria-label": `${name}, word by word`,
    }, {
      keydown: (event) => this.key(event),
      focus: () => this.point(this.place),
      blur: () => this.point(null),
      pointerleave: () => this.point(null),
      pointerover: (event) => this.point(placeOf(event)),
      click: (event) => {
        const place = placeOf(event);
        if (place !== null) calls.onWord(place);
      },
    });
    this.tip = new Tip(this.root);
    this.shown = [];
    this.rows = [];
  }

  makePages() {
    this.pages = element(this.root, "div", { class: "lw-pages", hidden: "" });
    const turn = (by) => () => this.turn(this.first + by * WORDS_IN_VIEW);
    const button = (text, label, by) =>
      element(this.pages, "button", { type: "button", text, "aria-label": label }, { click: turn(by) });
    this.back = button("‹", "Words before", -1);
    this.whole = element(this.pages, "canvas", { class: "lw-whole", "aria-hidden": "true" }, {
      pointerdown: (event) => {
        this.whole.setPointerCapture(event.pointerId);
        this.jump(event);
      },
      pointermove: (event) => event.buttons && this.jump(event),
    });
    this.on = button("›", "Words after", 1);
    this.counted = element(this.pages, "span", { class: "lw-counted", role: "status" });
  }

  jump(event) {
    const box = this.whole.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * this.found.words.length;
    this.turn(Math.round(at - WORDS_IN_VIEW / 2));
  }

  turn(first) {
    this.first = Math.max(0, Math.min(first, this.found.words.length - WORDS_IN_VIEW));
    this.place = this.first;
    this.point(null);
    this.draw();
  }

  // found: {text, words, unknown, shares (T, K), gates (T, 3), added (T, K) or null, baseline (K),
  // changed: places, classes, of: place of the class whose contributions are drawn}, or null.
  show(found, isDue) {
    if (found?.words.length !== this.found?.words.length) this.point(null);
    this.found = found;
    this.root.dataset.due = isDue;
    this.root.hidden = !found;
    if (!found) return;
    this.first = Math.max(0, Math.min(this.first, found.words.length - WORDS_IN_VIEW));
    this.place = Math.min(this.place, found.words.length - 1);
    this.draw();
    if (!this.tip.hidden) this.point(this.place);
  }

  draw() {
    const { found } = this;
    this.drawShares();
    this.drawPages();
    const count = Math.min(WORDS_IN_VIEW, found.words.length);
    while (this.shown.length > count) this.shown.pop().root.remove();
    while (this.shown.length < count) this.shown.push(wordParts(this.words, this.name, this.shown.length));
    const changed = new Set(found.changed), unknown = new Set(found.unknown);
    const most = this.largest();
    this.shown.forEach((parts, n) => {
      const place = this.first + n;
      this.drawWord(parts, place, most, changed.has(place), unknown.has(place));
    });
  }

  largest() {
    const { added, classes, of } = this.found;
    let most = LEAST_ADDED;
    for (let at = of; added && at < added.length; at += classes.length) most = Math.max(most, Math.abs(added[at]));
    return most;
  }

  drawWord({ root, token, bar, number, shares, gates }, place, most, isChanged, isUnknown) {
    const { words, added, classes, of, gates: values } = this.found;
    const count = classes.length;
    root.dataset.place = place;
    root.classList.toggle("lw-changed", isChanged);
    root.classList.toggle("lw-unknown", isUnknown);
    say(token, words[place]);
    const change = added ? added[place * count + of] : null;
    root.dataset.sign = change === null ? "none" : change < 0 ? "down" : "up";
    bar.style.setProperty("--lw-size", change === null ? 0 : Math.abs(change) / most);
    say(number, change === null ? "…" : signedPercent(change, Math.abs(change) < 0.0995 ? 1 : 0));
    shares.style.background = this.stack(place);
    gates.forEach((gate, n) => gate.style.setProperty("--lw-size", values[3 * place + n]));
    root.setAttribute("aria-label", this.told(place).map((pair) => pair.join(" ")).join(", "));
  }

  // The classes after a word, one above the other, as a background.
  stack(place) {
    const { shares, classes } = this.found;
    const stops = [];
    let sum = 0;
    classes.forEach((_, k) => {
      const begin = sum;
      sum += shares[place * classes.length + k];
      stops.push(`${classColour(k)} ${100 * begin}% ${100 * sum}%`);
    });
    return `linear-gradient(to top, ${stops.join(", ")})`;
  }

  drawShares() {
    const { found } = this;
    const { classes, shares, words } = found;
    while (this.rows.length < classes.length) {
      const row = element(this.head, "div", { class: "lw-share" });
      const swatch = element(row, "span", { class: "lw-swatch lw-box" });
      swatch.style.setProperty("--lw-colour", classColour(this.rows.length));
      const name = element(row, "span", { class: "lw-name" });
      const bar = element(element(row, "span", { class: "lw-track" }), "span");
      bar.style.background = classColour(this.rows.length);
      this.rows.push({ row, name, bar, number: element(row, "b", { class: "lw-number" }) });
    }
    const last = shares.subarray(-classes.length);
    const best = last.indexOf(Math.max(...last));
    this.rows.forEach(({ row, name, bar, number }, k) => {
      row.classList.toggle("lw-best", k === best);
      say(name, classes[k]);
      bar.style.width = `${100 * last[k]}%`;
      say(number, percentOf(last[k]));
    });
    say(this.sum, this.summed(last));
    this.words.dataset.long = words.length > WORDS_IN_VIEW;
  }

  // That contributions add up, in numbers.
  summed(last) {
    const { added, baseline, classes, of } = this.found;
    if (!added) return "";
    let sum = 0;
    for (let at = of; at < added.length; at += classes.length) sum += added[at];
    const to = percentOf(last[of]), from = percentOf(baseline[of]);
    return `${classes[of]}: ${from} for unknown words, and ${signedPercent(sum)} by these words together: ${to}.`;
  }

  drawPages() {
    const { words, shares, classes } = this.found;
    const isLong = words.length > WORDS_IN_VIEW;
    this.pages.hidden = !isLong;
    if (!isLong) return;
    const end = this.first + WORDS_IN_VIEW;
    const [from, to, all] = [this.first + 1, end, words.length].map((n) => n.toLocaleString("en"));
    say(this.counted, `words ${from} to ${to} of ${all}`);
    this.back.disabled = this.first === 0;
    this.on.disabled = end >= words.length;
    const { whole } = this;
    const width = (whole.width = Math.max(60, Math.round(whole.clientWidth * devicePixelRatio)));
    const height = (whole.height = Math.round(34 * devicePixelRatio));
    const pen = whole.getContext("2d");
    for (let x = 0; x < width; x++) {
      const place = Math.min(words.length - 1, Math.floor(((x + 0.5) / width) * words.length));
      let top = height;
      classes.forEach((_, k) => {
        const high = shares[place * classes.length + k] * height;
        pen.fillStyle = classColour(k);
        pen.fillRect(x, top - high, 1, high);
        top -= high;
      });
    }
    const [left, right] = [this.first, end].map((n) => (n / words.length) * width);
    pen.fillStyle = getComputedStyle(this.root).getPropertyValue("--lw-page");
    pen.globalAlpha = 0.6;
    pen.fillRect(0, 0, left, height);
    pen.fillRect(right, 0, width - right, height);
  }

  told(place) {
    const { words, unknown, shares, added, gates, classes } = this.found;
    const pairs = [["word", words[place]]];
    if (unknown.includes(place)) pairs.push(["unknown to the network", ""]);
    classes.forEach((name, k) => {
      const change = added ? `, adds ${signedPercent(added[place * classes.length + k], 2)}` : "";
      pairs.push([name, percentOf(shares[place * classes.length + k]) + change]);
    });
    GATE_NAMES.forEach((name, n) => pairs.push([name, gates[3 * place + n].toFixed(2)]));
    return pairs;
  }

  point(place) {
    for (const { root } of this.shown) root.removeAttribute("aria-selected");
    this.tip.hidden = place === null || !this.found || this.root.dataset.due === "true";
    this.words.removeAttribute("aria-activedescendant");
    if (this.tip.hidden) return;
    this.place = place;
    const word = this.shown[place - this.first]?.root;
    if (!word) return;
    word.setAttribute("aria-selected", "true");
    this.words.setAttribute("aria-activedescendant", word.id);
    const [[, head], ...pairs] = this.told(place);
    this.tip.tell(`${place + 1}. ${head}`, pairs);
    const { offsetLeft, offsetTop, offsetHeight } = word;
    this.tip.at(Math.min(offsetLeft, this.root.clientWidth - this.tip.root.offsetWidth), offsetTop + offsetHeight + 3);
  }

  key(event) {
    const last = (this.found?.words.length ?? 0) - 1;
    const by = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1, Home: -Infinity, End: Infinity }[event.key];
    if (event.key === "Escape") this.point(null);
    if (event.key === "Enter") this.calls.onWord(this.place);
    if (by === undefined || last < 0) return;
    event.preventDefault();
    event.stopPropagation();
    const place = Math.max(0, Math.min(last, this.place + by));
    if (place < this.first || place >= this.first + this.shown.length)
      this.turn(place < this.first ? place - WORDS_IN_VIEW + 1 : place);
    this.point(place);
    this.shown[place - this.first]?.root.scrollIntoView({ block: "nearest" });
  }
}

const placeOf = (event) => {
  const word = event.target.closest?.(".lw-word");
  return word ? Number(word.dataset.place) : null;
};

function wordParts(parent, name, n) {
  const root = element(parent, "div", { class: "lw-word", role: "option", id: `${name}-${n}` });
  const token = element(root, "span", { class: "lw-token" });
  const bar = element(root, "span", { class: "lw-added" });
  element(bar, "i");
  const number = element(root, "span", { class: "lw-number" });
  const shares = element(root, "span", { class: "lw-stack" });
  const row = element(root, "span", { class: "lw-gates" });
  return { root, token, bar, number, shares, gates: GATE_NAMES.map(() => element(row, "i")) };
}
