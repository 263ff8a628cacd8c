// One view of a widget in a page: its root knows its theme and whether it is narrow.

import { element } from "./drawing.js";
import { keepKeys } from "./keys.js";
import { DARK, LIGHT } from "./palette.js";
import { isDark, onThemeChange } from "./theme.js";

const VIEW_WIDTHS = { narrow: 0, wide: 640 };

export class WidgetView {
  // widths: from how many pixels on a size has which name
  constructor(session, parent, attributes, widths = VIEW_WIDTHS) {
    this.session = session;
    this.widths = Object.entries(widths);
    this.root = element(parent, "div", { role: "group", ...attributes });
    keepKeys(this.root);
  }

  // When all is made: show it, and again when the theme changes.
  begin() {
    this.forgetTheme = onThemeChange(() => this.show());
    this.resized = new ResizeObserver(() => {
      const width = this.root.clientWidth;
      this.root.dataset.size = this.widths.findLast(([, least]) => width >= least)[0];
      this.resize();
    });
    this.resized.observe(this.root);
    this.session.views.add(this);
    this.show();
  }

  close() {
    this.forgetTheme();
    this.resized.disconnect();
    this.session.views.delete(this);
    this.root.remove();
  }

  resize() {}

  showTheme() {
    const theme = this.session.model.get("theme");
    const dark = theme === "auto" ? isDark() : theme === "dark";
    this.palette = dark ? DARK : LIGHT;
    this.root.dataset.theme = dark ? "dark" : "light";
  }
}
