// A session whose store is fed by frames, and whole again where one was lost or a page is new.

import { tellKernel } from "./kernel.js";
import { WidgetSession } from "./session.js";
import { unpack } from "./store.js";

export class FedSession extends WidgetSession {
  asked = false;

  take(header, buffers) {
    if (header.whole) this.asked = false;
    if (!this.store.take(header, buffers)) this.ask();
  }

  takeWhole() {
    const [header, buffers] = unpack(this.model.get("_whole")) ?? [];
    if (header && header.seq > this.store.seq) this.take(header, buffers);
  }

  ask() {
    if (this.asked) return;
    this.asked = true;
    tellKernel(this, { type: "whole" });
  }
}
