// Recordings stand in frames of their own, which reach nothing. They are told whether the page is
// dark, and tell how tall they are.

const system = matchMedia("(prefers-color-scheme: dark)");
const frames = () => document.querySelectorAll("iframe.recording");

function isDark() {
  const { theme } = document.body.dataset;
  return theme === "dark" || (theme !== "light" && system.matches);
}

function tell(frame) {
  frame.contentWindow.postMessage({ dark: isDark() }, "*");
}

addEventListener("message", ({ source, data }) => {
  for (const frame of frames())
    if (frame.contentWindow === source && data.height > 0) frame.style.height = `${data.height}px`;
});
addEventListener("DOMContentLoaded", () => {
  const all = () => frames().forEach(tell);
  for (const frame of frames()) frame.addEventListener("load", () => tell(frame));
  new MutationObserver(all).observe(document.body, { attributeFilter: ["data-theme"] });
  system.addEventListener("change", all);
  all();
});

// What scrolls sideways can be scrolled by keyboard.
function letScroll() {
  for (const each of document.querySelectorAll("article :is(pre, .table-wrapper)"))
    if (each.scrollWidth > each.clientWidth) each.tabIndex = 0;
    else each.removeAttribute("tabindex");
}

addEventListener("load", letScroll);
addEventListener("resize", letScroll);
