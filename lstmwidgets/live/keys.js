// Keys are for the picture and its controls here, not for the notebook around it: JupyterLab goes to
// other cells by them, and takes the arrow keys of sliders.

export function keepKeys(root) {
  root.dataset.lmSuppressShortcuts = "true";
  root.addEventListener("keydown", (event) => {
    if (event.target.matches("input, select, textarea")) event.stopPropagation();
  });
}
