// Stands in for the kernel in a page of its own: all that there is to show is in the page.
//
// The page's data: {state: the traits, given: {trait: {other: one value of it for each of the trait}}}

const revive = (_, value) =>
  value?.base64 === undefined
    ? value
    : new DataView(Uint8Array.from(atob(value.base64), (letter) => letter.charCodeAt(0)).buffer);

export function stillPage(widget) {
  const { state, given } = JSON.parse(document.getElementById("data").textContent, revive);
  const listeners = new Map();
  const follow = (name, set) => {
    for (const [other, values] of Object.entries(given[name] ?? {})) set(other, values[state[name]]);
  };
  for (const name of Object.keys(given)) follow(name, (other, value) => (state[other] = value));
  const model = {
    get: (name) => state[name],
    set(name, value) {
      if (state[name] === value) return;
      state[name] = value;
      follow(name, (other, now) => this.set(other, now));
      for (const call of listeners.get(`change:${name}`) ?? []) call();
    },
    on(name, call) {
      listeners.set(name, [...(listeners.get(name) ?? []), call]);
    },
    off(name, call) {
      listeners.set(name, (listeners.get(name) ?? []).filter((each) => each !== call));
    },
    save_changes() {},
    send() {},
  };
  const shown = widget();
  shown.initialize({ model });
  shown.render({ model, el: document.getElementById("widget") });
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
