// A plot over one axis with a pointer: by the mouse, and by keys.

import { element } from "../live/drawing.js";
import { Tip } from "../live/tip.js";

export const PLOT_LEFT = 58, PLOT_RIGHT = 16;
const BESIDE = 6; // pixels besides the axis that still count

// A kind of plot says how it is drawn (draw, which makes this.scene), which place a share of the axis
// is (placeOf) and where that is in pixels (across), where a key goes (goal), and what is told (told).
export class PointedPlot {
  constructor(parent, attributes, options) {
    Object.assign(this, options);
    this.at = null; // the place under the pointer
    this.root = element(parent, "div", {
      tabindex: "0", role: "group", "aria-roledescription": "chart", ...attributes,
    }, {
      pointermove: (event) => this.point(this.pointed(event), event),
      pointerleave: () => this.point(null),
      keydown: (event) => this.press(event),
      blur: () => this.point(null),
    });
    this.cross = element(this.root, "div", { class: "lw-cross", hidden: "" });
    this.tip = new Tip(this.root);
    this.resized = new ResizeObserver(() => this.refresh());
    this.resized.observe(this.root);
  }

  close() {
    this.resized.disconnect();
    cancelAnimationFrame(this.frame);
  }

  refresh() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => {
      const width = Math.floor(this.root.clientWidth);
      if (width) this.draw(width); // otherwise it is hidden for a moment
    });
  }

  get font() {
    return `12px ${getComputedStyle(this.root).fontFamily}`;
  }

  pointed(event) {
    if (!this.scene) return null;
    const { room } = this.scene;
    const across = event.clientX - this.root.getBoundingClientRect().left - PLOT_LEFT;
    return across < -BESIDE || across > room + BESIDE ? null : this.placeOf(across / room);
  }

  point(place, event = null) {
    this.at = place;
    this.cross.hidden = this.tip.hidden = place === null;
    this.tell?.();
    if (place === null || !this.scene) return;
    const { top, bottom } = this.scene;
    const x = this.across(place);
    this.cross.style.top = `${top}px`;
    this.cross.style.height = `${bottom - top}px`;
    this.cross.style.transform = `translateX(${x.toFixed(1)}px)`;
    this.told(this.tip, place);
    const above = event ? event.clientY - this.root.getBoundingClientRect().top - 12 : top;
    this.tip.place(x, above, { high: this.high });
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== this.root || !this.scene) return;
    const goal = event.key === "Escape" ? null : this.goal(event.key);
    if (goal === undefined) return;
    this.point(goal);
    event.preventDefault();
    event.stopPropagation();
  }
}
