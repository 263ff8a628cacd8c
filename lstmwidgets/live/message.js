// What a player says above its picture: a note, or an error with its traceback.

import { element } from "./drawing.js";

// said: {error, details, note, before}; before: what comes before the error
export function showMessage(node, said) {
  const key = JSON.stringify(said);
  if (key === node.dataset.said) return; // what is unfolded stays so
  node.dataset.said = key;
  const { error, details, note, before } = said;
  node.replaceChildren();
  node.hidden = !error && !note;
  node.className = `lw-message${error ? " lw-error" : ""}`;
  if (error) node.setAttribute("role", "alert");
  else node.removeAttribute("role");
  if (error && before) element(node, "span", { text: before });
  element(node, error ? "b" : "span", { text: error || note });
  if (!details) return;
  const more = element(node, "details");
  element(more, "summary", { text: "Traceback" });
  element(more, "pre", { text: details });
}
