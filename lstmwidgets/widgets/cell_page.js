// Stands in for the kernel in a saved page: all layers are in the page itself.

import { cellInspector } from "./cell_inspector.js";

const data = JSON.parse(document.getElementById("data").textContent);

const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;

const state = { ...data.state };
const listeners = new Map();
const framesOf = (layer) => ({ ...data.frames[layer], values: bytes(data.frames[layer].values) });
state._frames = framesOf(state.layer);

const model = {
  get: (name) => state[name],
  set(name, value) {
    if (state[name] === value) return;
    state[name] = value;
    if (name === "layer") this.set("_frames", framesOf(value));
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

const widget = cellInspector();
widget.initialize({ model });
widget.render({ model, el: document.getElementById("inspector") });
