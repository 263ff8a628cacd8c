// What all views of a widget in a page share: its model, and whether a kernel answers.
//
// kernel -> page: {type: "edited", session, edit}   that edit has been made, or refused

import { newName, tellKernel, watchKernel } from "./kernel.js";

export class WidgetSession {
  constructor(model) {
    this.model = model;
    this.views = new Set();
    this.name = newName();
    this.edits = 0;
    this.edited = {}; // what the kernel has not yet heard of, or not answered
  }

  // listeners: calls by the model's events; shown: traits that views show anew when one changes.
  listen(listeners, shown) {
    const { model } = this;
    const show = () => this.each((view) => view.show());
    const heard = ({ type, session, edit }) => {
      if (type !== "edited" || session !== this.name || edit !== this.edits) return;
      this.edited = {};
      show();
    };
    const calls = [
      ["msg:custom", heard], ...Object.entries(listeners), ...shown.map((name) => [`change:${name}`, show]),
    ];
    for (const [name, call] of calls) model.on(name, call);
    const forgetKernel = watchKernel(model, (answers) => {
      this.answers = answers;
      show();
    });
    this.close = () => {
      forgetKernel();
      for (const [name, call] of calls) model.off(name, call);
    };
  }

  each(call) {
    for (const view of this.views) call(view);
  }

  // The value of a trait; what was edited here stands until the kernel has answered the last edit.
  get(name) {
    return this.edited[name] ?? this.model.get(name);
  }

  // Tell the kernel what traits are to be, and show them so at once.
  edit(type, changed) {
    this.edited = changed;
    tellKernel(this, { type, ...changed, session: this.name, edit: ++this.edits });
    this.each((view) => view.show());
  }

  set(name, value) {
    this.model.set(name, value);
    this.model.save_changes();
    this.each((view) => view.show());
  }
}

// What a widget's module exports: one session for all its views.
export const widgetOf = (Session, View) => () => {
  let session;
  return {
    initialize({ model }) {
      session = new Session(model);
      return () => session.close();
    },
    render({ el }) {
      const view = new View(session, el);
      return () => view.close();
    },
  };
};
