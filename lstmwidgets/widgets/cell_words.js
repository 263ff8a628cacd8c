// What the parts of a cell are called, do and compute, in words and in the field's letters.

import { GATES, inBrackets, percent, written } from "./cell_numbers.js";

export const STAGES = ["Forget", "Input", "Candidate", "New cell", "Output"];

const COUPLED =
  "Coupled to the forget gate, as 1 − f: just as much may enter as is forgotten.";

// For each part: its name, the number that it shows, the stage in which it acts, and what it does.
export const PARTS = {
  c0: ["Memory before", "c0", 0,
    "What the memory cell held before this step: it comes straight from the step before, through " +
    "nothing but the forget gate."],
  h0: ["Output before", "h0", 0,
    "What the layer showed at the step before; with the input, it is all that gates and candidate " +
    "see of the past."],
  x: ["Input", null, 0,
    "What comes in at this step: the numbers of an event, a word's vector, or the output of the " +
    "layer below."],
  join: ["Input and output before", null, 0,
    "Both go to every gate and to the candidate, each of which has weights of its own for them."],
  norm: ["Normalisation of the inputs", null, 0,
    "What input and output before contribute is brought to a common scale over all units, each " +
    "for itself."],
  u0: ["Gates before, u₋₁", "u0", 0,
    "With full gate recurrence, every gate also sees what all three gates were at the step before."],
  f: ["Forget gate", "f", 1,
    "How much of the old memory stays: 1 keeps all of it, 0 erases it."],
  fc: ["What stays", "fc", 1,
    "The forget gate times the memory before: what is left of it."],
  p: ["Peepholes before the step", "c0", 1,
    "Input and forget gate also look at the memory before, each unit at its own."],
  i: ["Input gate", "i", 2,
    "How much of the candidate may enter the memory: 1 all of it, 0 nothing."],
  g: ["Candidate", "g", 3,
    "The new information that is offered to the memory, from −1 to 1."],
  ig: ["What enters", "ig", 4,
    "The input gate times the candidate: what is added to the memory."],
  add: ["New memory", "c", 4,
    "What stays and what enters are added; a sum passes gradients on undiminished, which is why " +
    "an LSTM remembers for long."],
  c: ["Memory after", "c", 4,
    "What the memory cell holds now; it goes on to the next step."],
  po: ["Peephole after the step", "c", 5,
    "The output gate also looks at the new memory, each unit at its own."],
  o: ["Output gate", "o", 5,
    "How much of the memory is shown: 1 all of it, 0 nothing."],
  lc: ["Normalisation of the memory", "lc", 5,
    "What is shown is normalised over all units; the memory itself stays as it is."],
  tc: ["Squashed memory", "tc", 5,
    "The memory, which is unbounded, brought between −1 and 1."],
  show: ["What is shown", "h", 5,
    "The output gate times the squashed memory."],
  h: ["Output", "h", 5,
    "What the layer shows: up to what stands above it, and on to its own next step."],
};

export const nameOf = (part) => PARTS[part][0];

// One sentence on a part, and its number now.
export function explain(part, kind, look, layer) {
  const [name, number, , about] = PARTS[part];
  const sentence = part === "i" && kind === "coupled" ? COUPLED : about;
  const text = `${name}: ${sentence[0].toLowerCase()}${sentence.slice(1)}`;
  const now = look[number];
  if (!Number.isFinite(now?.value)) return text;
  const when = layer ? "On average over the layer" : "Now";
  return `${text} ${when} ${quantity(number, now, layer, kind)}.`;
}

const SYMBOLS = {
  ...{ i0: "i₋₁", f0: "f₋₁", o0: "o₋₁", u0: "(i₋₁ + f₋₁ + o₋₁) / 3", c0: "c₋₁", h0: "h₋₁" },
  ...{ fc: "f·c₋₁", ig: "i·g", lc: "LN(c)", tc: "tanh(c)" },
};
const CRAMPED = new Set(["i0", "f0", "o0"]); // three in a small place

const symbol = (name, kind) =>
  name === "tc" && kind === "layer_norm" ? "tanh(LN(c))" : (SYMBOLS[name] ?? name);

// "c = 0.34" of a unit; "|c| 0.41" on average over a layer; "f 0.53" of gates.
export function quantity(name, now, layer, kind) {
  const letters = symbol(name, kind);
  if (layer && !GATES.has(name)) return `|${letters}| ${written(now?.size)}`;
  return `${letters}${layer || CRAMPED.has(name) ? "" : " ="} ${written(now?.value)}`;
}

const NOTHING = "There are no numbers at this step.";

// What a stage does, with the step's numbers.
export function stageSentence(stage, kind, look, layer) {
  if (!Number.isFinite(look.f?.value)) return NOTHING;
  const n = (name) => written(layer ? look[name]?.size : look[name]?.value);
  const share = (name) => percent(look[name]?.value);
  const who = layer ? "on average, the layer" : "the unit";
  const size = (name) => (layer ? `|${symbol(name, kind)}|` : symbol(name, kind));
  const input =
    kind === "coupled"
      ? `What is forgotten makes room: the input gate is 1 − f, ${n("i")}.`
      : `The input gate opens to ${n("i")}: ${share("i")} of the candidate may enter.`;
  return [
    `The forget gate opens to ${n("f")}: ${who} keeps ${share("f")} of its old memory, so that ` +
      `${n("c0")} becomes ${n("fc")}.`,
    input,
    `The candidate is what the step has to offer: ${size("g")} is ${n("g")}.`,
    `What stays, ${n("fc")}, and what enters, ${n("ig")}, make the new memory: ` +
      `${size("c")} is ${n("c")}.`,
    `The memory is squashed to ${n("tc")}, and the output gate shows ${share("o")} of it: ` +
      `${size("h")} is ${n("h")}.`,
  ][stage - 1];
}

// What happens in the whole step.
export function stepSentence(look, unit) {
  if (!Number.isFinite(look.f?.value)) return NOTHING;
  const layer = unit === null;
  const g = written(layer ? look.g.size : look.g.value);
  const share = (name) => percent(look[name].value);
  return (
    `${layer ? "On average, the layer" : `Unit ${unit}`} keeps ${share("f")} of its memory, ` +
    `lets in ${share("i")} of a candidate of ${g}, and shows ${share("o")} of what it then holds.` +
    (layer ? " Stripes: what weighs below and above zero." : "")
  );
}

// Each equation: part, stage, its letters, and the numbers put in. `_x` and `_{…}` are subscripts.
export function equations(kind) {
  const peeps = kind === "peephole" || kind === "full_gate_recurrence";
  const recurs = kind === "full_gate_recurrence";
  const normed = kind === "layer_norm";
  const inner = (gate, cell) => {
    if (normed) return `LN(W_${gate} x) + LN(R_${gate} h_{−1})`;
    const peephole = peeps && cell ? ` + p_${gate} ${cell}` : "";
    const recurrence = recurs && cell ? ` + G_${gate} u_{−1}` : "";
    return `W_${gate} x + R_${gate} h_{−1}${peephole}${recurrence} + b_${gate}`;
  };
  const opened = (name) => (n) => `= σ(${saturated(n[`z${name}`], 16)}) = ${written(n[name])}`;
  const input = ["i", 2, `i = σ(${inner("i", "c_{−1}")})`, opened("i")];
  const rest = ["i", 2, "i = 1 − f", (n) => `= 1 − ${written(n.f)} = ${written(n.i)}`];
  return [
    ["f", 1, `f = σ(${inner("f", "c_{−1}")})`, opened("f")],
    kind === "coupled" ? rest : input,
    ["g", 3, `g = tanh(${inner("g", null)})`,
      (n) => `= tanh(${saturated(n.zg, 8)}) = ${written(n.g)}`],
    ["c", 4, "c = f·c_{−1} + i·g",
      (n) => `= ${written(n.f)}·${inBrackets(n.c0)} + ${written(n.i)}·${inBrackets(n.g)}` +
        ` = ${written(n.c)}`],
    ["o", 5, `o = σ(${inner("o", "c")})`, opened("o")],
    ["h", 5, normed ? "h = o·tanh(LN(c))" : "h = o·tanh(c)",
      (n) => `= ${written(n.o)}·tanh(${written(normed ? n.lc : n.c)})` +
        ` = ${written(n.o)}·${inBrackets(n.tc)} = ${written(n.h)}`],
  ];
}

// In float32, σ is 1 from about 16 on, and tanh from about 8.
const saturated = (value, from) =>
  Math.abs(value) === Infinity ? (value > 0 ? `> ${from}` : `< −${from}`) : written(value);

// Writes letters as mathematics: single letters slanted, `_x` and `_{…}` below the line.
export function mathematics(text) {
  const whole = document.createDocumentFragment();
  const letters = (tag, content) => {
    const node = document.createElement(tag);
    node.textContent = content;
    return node;
  };
  for (const [token] of text.matchAll(/_\{[^}]*\}|_\w|[A-Za-z]+|[^A-Za-z_]+/g)) {
    if (token[0] === "_") whole.append(letters("sub", token.replace(/[_{}]/g, "")));
    else if (/^[A-Za-z]$/.test(token)) whole.append(letters("i", token));
    else whole.append(token);
  }
  return whole;
}
