// Colours of numbers, the same as in the library's figures and safe for colour-blind eyes.

// Blue below zero, white at it, red above (ColorBrewer's RdBu).
const DIVERGING = [
  "#053061", "#2166ac", "#4393c3", "#92c5de", "#d1e5f0", "#f7f7f7",
  "#fddbc7", "#f4a582", "#d6604d", "#b2182b", "#67001f",
];
// For gates, from 0 to 1: viridis.
const SEQUENTIAL = [
  "#440154", "#482374", "#404387", "#345e8d", "#29788e", "#208f8c",
  "#22a784", "#42be71", "#79d151", "#bade27", "#fde724",
];

const channels = (hex) => [1, 3, 5].map((n) => parseInt(hex.slice(n, n + 2), 16));
export const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

function between(stops, share) {
  const at = clamp(share, 0, 1) * (stops.length - 1);
  const low = Math.min(Math.floor(at), stops.length - 2);
  const [from, to] = [channels(stops[low]), channels(stops[low + 1])];
  return `rgb(${from.map((c, n) => Math.round(c + (at - low) * (to[n] - c))).join(" ")})`;
}

// share: the value by the farthest that there is, from -1 to 1.
export const diverging = (share) => between(DIVERGING, 0.5 + 0.45 * clamp(share, -1, 1));
export const sequential = (value) => between(SEQUENTIAL, value);

export const gradient = (colour, from) =>
  `linear-gradient(90deg, ${Array.from({ length: 11 }, (_, n) =>
    colour(from + ((1 - from) * n) / 10),
  ).join(", ")})`;

// The same colours as numbers that a pixel takes, 256 of a scale: [diverging, sequential].
export const pixel = (css) => {
  const [red, green, blue] = css.match(/\d+/g).map(Number);
  return (255 << 24) | (blue << 16) | (green << 8) | red; // little-endian, as all browsers' machines
};
const table = (colour, from, to) =>
  Uint32Array.from({ length: 256 }, (_, n) => pixel(colour(from + ((to - from) * n) / 255)));
export const DIVERGING_PIXELS = table(diverging, -1, 1);
export const SEQUENTIAL_PIXELS = table(sequential, 0, 1);
