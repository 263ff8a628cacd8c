// Shows a Bokeh document that lives in the kernel, and keeps it as it is there.
//
// kernel -> page: {type: "patch", seq, events, ids} + buffers    what changed since seq - 1
//                 {type: "document", view, seq, json}            the whole, for one view
//                 {type: "current", view, seq}                   where the kernel is
//                 {type: "library", view} + buffer               BokehJS, where it was asked for
// page -> kernel: {type: "hello", view, dark}, {type: "bye", view}, {type: "need", what, view},
//                 {type: "pace", view, ms}                       what a frame costs the page
//                 {type: "change", view, events, ids} + buffers

import { isDark, onThemeChange } from "../live/theme.js";

const UPSTREAM_MS = 100; // changes made in the page are gathered so long
const PACE_MS = 500; // between two reports of what a frame costs
const MOST_COST = 300; // ms that a frame may be said to cost: a page that is busy otherwise recovers
const MOST_WAITING = 1000; // patches kept for views that are still loading
const MOST_BEHIND = 20; // patches that wait for the next animation frame

// A second copy of BokehJS would have documents of its own: one promise a page and version.
const libraries = (globalThis.__lstmwidgets_bokeh ??= {});

function library(version, fetchSource) {
  const present = globalThis.Bokeh;
  const found = present?.version === version ? present : present?.[version];
  if (found) return Promise.resolve(found);
  libraries[version] ??= evaluate(version, fetchSource).catch((error) => {
    delete libraries[version];
    throw error;
  });
  return libraries[version];
}

async function evaluate(version, fetchSource) {
  const stream = new Blob([await fetchSource()]).stream();
  const source = await new Response(stream.pipeThrough(new DecompressionStream("gzip"))).text();
  // As a classic script inside of a module: `this` is the page, `define` and `require` are hidden.
  const wrapped = ["(function(define, require, exports, module){", source, "\n}).call(globalThis)"];
  const url = URL.createObjectURL(new Blob(wrapped, { type: "text/javascript" }));
  try {
    await import(url);
  } finally {
    URL.revokeObjectURL(url);
  }
  return globalThis.Bokeh[version] ?? globalThis.Bokeh;
}

const asBuffer = (view) =>
  view instanceof ArrayBuffer
    ? view
    : view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);

const buffersById = (ids, buffers) => new Map(ids.map((id, n) => [id, asBuffer(buffers[n])]));

// A copy of a live document computes its automatic ranges anew, as the first view did.
function copyOf(live, snapshot) {
  const given = new Map();
  JSON.parse(snapshot, (_, value) => {
    if (value?.name === "DataRange1d") given.set(value.id, value.attributes ?? {});
    return value;
  });
  return JSON.parse(live.to_json_string(), (_, value) => {
    if (value?.name === "DataRange1d" && value.attributes) {
      for (const end of ["start", "end"]) {
        const first = given.get(value.id)?.[end];
        if (first === undefined) delete value.attributes[end];
        else value.attributes[end] = first;
      }
    }
    return value;
  });
}

// A column that is replaced as a whole makes void what was done to its source before, in any patch.
function withoutOverwritten(patches) {
  const replaced = new Set();
  const isNeeded = (event) => {
    const data = /^Column/.test(event.kind);
    if (data && replaced.has(event.model.id)) return false;
    if (event.kind === "ColumnDataChanged" && !event.cols) replaced.add(event.model.id);
    return true;
  };
  return patches
    .reverse()
    .map((events) => events.reverse().filter(isNeeded).reverse())
    .reverse();
}

class View {
  constructor(element) {
    this.id = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`; // plain http has no UUIDs
    this.element = element;
    this.document = null;
    this.seq = -1;
  }

  async show(Bokeh, json, seq, onChange) {
    this.clear(Bokeh);
    this.element.replaceChildren();
    this.asked = false;
    const shown = Bokeh.require("document").Document.from_json(json);
    Object.assign(this, { document: shown, seq });
    await Bokeh.require("embed/standalone").add_document_standalone(shown, this.element, [], false);
    shown.on_change((event) => onChange(this, event));
  }

  apply(events, buffers) {
    this.document.apply_json_patch({ events }, buffers);
  }

  clear(Bokeh) {
    if (!this.document) return;
    this.document.clear();
    const place = Bokeh.documents.indexOf(this.document);
    if (place >= 0) Bokeh.documents.splice(place, 1);
    this.document = null;
  }
}

// Changes made in the page, gathered: of each property only the last value is sent.
class Upstream {
  constructor(send) {
    this.send = send;
    this.waiting = new Map();
    this.count = 0;
  }

  add(view, event) {
    if (!event.sync) return; // came from the kernel
    // Automatic ranges follow the data in every view by themselves.
    if (event.model?.type === "DataRange1d" && !event.model.have_updated_interactively) return;
    const property = event.kind === "ModelChanged" ? `${event.model.id}.${event.attr}` : null;
    const key = property ?? ++this.count;
    this.waiting.delete(key); // so that it takes its place at the end
    this.waiting.set(key, [view, event]);
    this.timer ??= setTimeout(() => this.flush(), UPSTREAM_MS);
  }

  flush() {
    this.timer = undefined;
    const events = [...this.waiting.values()];
    this.waiting.clear();
    for (const view of new Set(events.map(([view]) => view))) {
      if (!view.document) continue;
      const own = events
        .filter(([from, event]) => from === view && event.document === view.document)
        .map(([, event]) => event); // not those of a document that was replaced in between
      const ids = [];
      const buffers = [];
      const text = JSON.stringify(view.document.create_json_patch(own).events, (_, value) => {
        if (!(value?.buffer instanceof ArrayBuffer && value.to_base64)) return value;
        ids.push(`page-${buffers.push(value.buffer)}`);
        return { id: ids.at(-1) };
      });
      this.send(view, text, ids, buffers);
    }
  }
}

const GEOMETRY = /^(start|end|(inner|outer)_(width|height))$/; // each view has its own

export default () => {
  const views = new Map();
  const loading = new Set();
  const waiting = [];
  const arrived = [];
  let frame;
  const costs = []; // of the last frames, in ms
  let told = { at: -Infinity, ms: 10 };
  let Bokeh;
  let upstream;
  let libraryArrived;

  const ask = (model, view, what) => model.send({ type: "need", what, view: view.id });

  const show = (view, json, seq) =>
    view.show(Bokeh, json, seq, (from, event) => upstream.add(from, event));

  // What has come since the last frame is applied at once: a page that is slow to draw catches up.
  const applyAll = (model, view, patches) => {
    if (!view.document) return;
    const next = patches.filter((patch) => patch.seq > view.seq);
    if (!next.length) return;
    try {
      if (next.some((patch, n) => patch.seq !== view.seq + 1 + n)) throw new Error("a gap");
      // One by one: BokehJS takes over the models in a patch before it applies the first change.
      withoutOverwritten(next.map((patch) => JSON.parse(patch.events))).forEach((events, n) => {
        view.apply(events, next[n].buffers);
        view.seq = next[n].seq;
      });
    } catch {
      // A part is missing, or does not fit what is there: the whole puts it right.
      if (!view.asked) ask(model, view, "document");
      view.asked = true;
    }
  };

  // Called when the frame is painted. The kernel is told when the cost has changed by a quarter.
  const drawn = (model, before) => {
    const now = performance.now();
    if (loading.size || costs.push(now - before) < 5) return;
    const cost = Math.min([...costs].sort((one, other) => one - other)[2], MOST_COST);
    costs.shift();
    const view = [...views.values()].find((one) => one.document);
    if (!view || now < told.at + PACE_MS || Math.abs(Math.log(cost / told.ms)) < 0.22) return;
    told = { at: now, ms: cost };
    model.send({ type: "pace", view: view.id, ms: cost });
  };

  const draw = (model) => {
    const before = performance.now();
    cancelAnimationFrame(frame);
    frame = undefined;
    const patches = arrived.splice(0);
    for (const view of views.values()) applyAll(model, view, patches);
    if (!document.hidden) requestAnimationFrame(() => setTimeout(() => drawn(model, before)));
  };

  const onMessage = (model, message, buffers) => {
    const view = views.get(message.view);
    if (message.type === "patch") {
      const patch = { ...message, buffers: buffersById(message.ids, buffers) };
      if ((loading.size || !views.size) && waiting.push(patch) > MOST_WAITING) waiting.shift();
      // Pages in the background have no animation frames.
      if (arrived.push(patch) > MOST_BEHIND || document.hidden) draw(model);
      else frame ??= requestAnimationFrame(() => draw(model));
    } else if (message.type === "document" && view && Bokeh) {
      show(view, JSON.parse(message.json), message.seq);
    } else if (message.type === "current" && view?.document) {
      draw(model); // what has come, before it is compared
      if (view.seq === message.seq || view.asked) return;
      view.asked = true;
      ask(model, view, "document"); // the page was loaded anew, and its snapshot is of old
    } else if (message.type === "library" && libraryArrived) {
      libraryArrived(asBuffer(buffers[0]));
    }
  };

  const source = (model, view) => async () => {
    try {
      const name = model.get("library").replace("IPY_MODEL_", "");
      return (await model.widget_manager.get_model(name)).get("source");
    } catch {
      // A front end that does not hand out other widgets: the kernel sends it.
      return new Promise((resolve) => {
        libraryArrived = resolve;
        ask(model, view, "library");
      });
    }
  };

  return {
    initialize({ model }) {
      const listener = (message, buffers) => onMessage(model, message, buffers);
      model.on("msg:custom", listener);
      upstream = new Upstream((from, events, ids, buffers) => {
        model.send({ type: "change", view: from.id, events, ids }, undefined, buffers);
        const shared = JSON.parse(events).filter(
          (event) => event.kind !== "MessageSent" && !GEOMETRY.test(event.attr ?? ""),
        );
        for (const other of views.values()) {
          if (other === from || !other.document || !shared.length) continue;
          other.apply(structuredClone(shared), buffersById(ids, buffers));
        }
      });
      return () => model.off("msg:custom", listener);
    },

    async render({ model, el }) {
      const view = new View(el);
      views.set(view.id, view);
      loading.add(view);
      let dark = isDark();
      model.send({ type: "hello", view: view.id, dark });
      const forget = onThemeChange(() => {
        if (isDark() === dark) return;
        dark = !dark;
        model.send({ type: "hello", view: view.id, dark });
      });
      try {
        Bokeh = await library(model.get("version"), source(model, view));
        const live = [...views.values()].find((other) => other.document);
        const snapshot = model.get("snapshot");
        if (live) await show(view, copyOf(live.document, snapshot), live.seq);
        else {
          const { seq, document: json } = JSON.parse(snapshot);
          await show(view, json, seq);
        }
        applyAll(model, view, waiting);
        model.send({ type: "hello", view: view.id, dark });
      } catch (error) {
        el.textContent = `The picture could not be drawn: ${error.message ?? error}`;
        throw error;
      } finally {
        loading.delete(view);
        if (!loading.size) waiting.length = 0;
      }
      const bye = () => model.send({ type: "bye", view: view.id });
      addEventListener("pagehide", bye); // reloading or closing the page cleans nothing up
      return () => {
        removeEventListener("pagehide", bye);
        forget();
        views.delete(view.id);
        if (Bokeh) view.clear(Bokeh);
        bye();
      };
    },
  };
};
