// Colours of lines and classes, on light pages and on dark ones: lines at 3 : 1, text at 4.5 : 1.

export const LIGHT = {
  ink: "#22272e", muted: "#57606a", grid: "#e6e9ed", frame: "#cdd3db", accent: "#b45309",
  truth: "#858b92", model: "#0072b2", naive: "#c65200",
  band: "rgb(0 114 178 / 15%)", edge: "rgb(0 114 178 / 50%)", mark: "rgb(34 39 46 / 75%)",
};
export const DARK = {
  ink: "#e6e9ed", muted: "#a9b2bd", grid: "#2b3036", frame: "#454c55", accent: "#f5a742",
  truth: "#8b949e", model: "#67bdf5", naive: "#ff9147",
  band: "rgb(103 189 245 / 24%)", edge: "rgb(103 189 245 / 60%)", mark: "rgb(230 233 237 / 80%)",
};

// Okabe & Ito (2008), "Color universal design", then the same darker and lighter.
const HUES = ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#f0e442"];
const mixed = (hex, other, share) =>
  `#${[1, 3, 5]
    .map((n) => {
      const [one, two] = [hex, other].map((each) => parseInt(each.slice(n, n + 2), 16));
      return Math.round(one + share * (two - one)).toString(16).padStart(2, "0");
    })
    .join("")}`;
export const CLASS_COLOURS = [
  ...HUES,
  ...HUES.map((hue) => mixed(hue, "#000000", 0.45)),
  ...HUES.map((hue) => mixed(hue, "#ffffff", 0.55)),
];
export const OTHER_CLASSES = "#999999";
export const classColour = (n) => CLASS_COLOURS[n] ?? OTHER_CLASSES;
