// Whether anybody answers: a saved notebook shows its pictures without a kernel.

export const SAVED = "Saved picture: no kernel is behind it.";

// Call with true or false, now and whenever that changes; return a call that ends it.
export function watchKernel(model, call) {
  // Of ipywidgets' models only the one of the layout says whether its comm is alive; in marimo's
  // notebooks it is no model, and a page without a kernel says that it is one.
  const layout = model.get("layout");
  const tell = () => call(layout?.comm_live !== false && globalThis.__MARIMO_STATIC__ === undefined);
  layout?.on?.("comm_live_update", tell);
  tell();
  return () => layout?.off?.("comm_live_update", tell);
}

// Send a message of {model, answers} to the kernel, if there is one.
export const tellKernel = ({ model, answers }, message) => {
  if (answers) model.send(message);
};

// Not `crypto.randomUUID`: pages from another machine without HTTPS do not have it.
export const newName = () => Math.random().toString(36).slice(2);
