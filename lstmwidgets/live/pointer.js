// What is under the pointer, told to all pictures of a page: {run, step, from}; step null: nothing.

export const pointer = (globalThis[Symbol.for("lstmwidgets.pointer")] ??= new EventTarget());

export const tellPointer = (run, step, from) =>
  pointer.dispatchEvent(new CustomEvent("move", { detail: { run, step, from } }));
