// Whether the notebook is dark, and a call whenever that changes.

export function isDark() {
  const body = document.body.dataset;
  if (body.jpThemeLight !== undefined) return body.jpThemeLight === "false"; // Jupyter's pages
  if (body.vscodeThemeKind) return /dark|high-contrast$/.test(body.vscodeThemeKind);
  const root = document.documentElement.getAttribute("theme"); // Colab
  if (root) return root === "dark";
  if (document.documentElement.classList.contains("dark")) return true; // marimo
  return matchMedia("(prefers-color-scheme: dark)").matches;
}

export function onThemeChange(callback) {
  const observer = new MutationObserver(callback);
  const attributeFilter = ["data-jp-theme-light", "data-vscode-theme-kind", "theme", "class"];
  observer.observe(document.body, { attributes: true, attributeFilter });
  observer.observe(document.documentElement, { attributes: true, attributeFilter });
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", callback);
  return () => {
    observer.disconnect();
    system.removeEventListener("change", callback);
  };
}
