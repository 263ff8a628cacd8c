// Stands in for the kernel in a page of its own: all that there is to show is in the page.
//
// The page's data: {state: the traits, given: {trait: {other: one value of it for each of the trait}},
//                   parts: {reference: the same of a widget that stands within}}

const revive = (_, value) =>
  value?.base64 === undefined
    ? value
    : new DataView(Uint8Array.from(atob(value.base64), (letter) => letter.charCodeAt(0)).buffer);

function stillModel({ state, given }) {
  const listeners = new Map();
  const emit = (name, ...told) => {
    for (const call of listeners.get(name) ?? []) call(...told);
  };
  const follow = (name, set) => {
    for (const [other, values] of Object.entries(given[name] ?? {})) set(other, values[state[name]]);
  };
  for (const name of Object.keys(given)) follow(name, (other, value) => (state[other] = value));
  return {
    get: (name) => state[name],
    set(name, value) {
      if (state[name] === value) return;
      state[name] = value;
      follow(name, (other, now) => this.set(other, now));
      emit(`change:${name}`);
    },
    emit,
    on(name, call) {
      listeners.set(name, [...(listeners.get(name) ?? []), call]);
    },
    off(name, call) {
      listeners.set(name, (listeners.get(name) ?? []).filter((each) => each !== call));
    },
    save_changes() {},
    send() {},
  };
}

// widget: what the module exports; modules: the same by the references of widgets that stand within;
// Played: what takes the model and plays the run that its state holds, or nothing
export function stillPage(widget, modules, Played) {
  const { parts, ...own } = JSON.parse(document.getElementById("data").textContent, revive);
  const models = {};
  for (const [reference, part] of Object.entries(parts)) models[reference] = stillModel(part);
  const show = (shown, model, el) => {
    shown.initialize({ model });
    return shown.render({ model, el, host });
  };
  const host = { // as anywidget's, of the widgets within
    getModel: async (reference) => models[reference],
    getWidget: async (reference) => ({
      render: async ({ el }) => show(modules[reference](), models[reference], el),
    }),
  };
  const model = stillModel(own);
  if (Played) new Played(model);
  show(widget(), model, document.getElementById("widget"));
  if (Played && !matchMedia("(prefers-reduced-motion: reduce)").matches) model.set("playing", true);
  // A notebook that shows the page in a frame says whether it is dark, and is told how tall it is.
  const root = document.documentElement;
  let told = false;
  const tell = () => told && parent.postMessage({ height: root.offsetHeight }, "*");
  addEventListener("message", ({ source, data }) => {
    if (source !== parent) return;
    told = true;
    if (data.dark !== null) root.setAttribute("theme", data.dark ? "dark" : "light");
    tell();
  });
  new ResizeObserver(tell).observe(root);
}
