// The yardstick of `benchmarks/frames.py`: the numbers of a LiveStream on bare canvases.
//
// No axes of time, no hover, zoom or theme: one line plot, one curve and four heatmaps whose pixels
// lie in small canvases that scroll by being drawn onto themselves.

const EVENTS = 300, UNITS = 32, MAPS = 4, TAIL = 4, WIDTH = 960;
const ROW = MAPS * UNITS + TAIL; // numbers an event: units, then truth, prediction, naive, error

function canvas(el, width, height) {
  const made = document.createElement("canvas");
  Object.assign(made, { width, height });
  made.style.cssText = "display: block; margin: 8px 0 8px 60px";
  el?.append(made);
  return made.getContext("2d");
}

function colour(value, signed) {
  const at = Math.min(1, Math.max(0, signed ? 0.5 + value / 4 : value));
  return [40 + 200 * at, 60 + 120 * Math.sin(3.1 * at), 220 - 190 * at];
}

function lines(pen, height, events, columns) {
  pen.clearRect(0, 0, WIDTH, height);
  const values = columns.flatMap(([place]) => events.map((event) => event[place]));
  const low = Math.min(...values), high = Math.max(...values);
  const y = (value) => height - 16 - ((height - 30) * (value - low)) / (high - low || 1);
  pen.font = "12px sans-serif";
  for (let n = 0; n < 5; n++) {
    const value = low + ((high - low) * n) / 4;
    pen.strokeStyle = "#e8e8e8";
    pen.strokeRect(0, y(value), WIDTH, 0);
    pen.fillText(value.toFixed(2), 2, y(value) - 2);
  }
  for (const [place, style, width] of columns) {
    Object.assign(pen, { strokeStyle: style, lineWidth: width });
    pen.beginPath();
    events.forEach((event, n) => pen.lineTo(((n + 0.5) * WIDTH) / EVENTS, y(event[place])));
    pen.stroke();
  }
}

export default {
  render({ model, el }) {
    const top = canvas(el, WIDTH, 170), below = canvas(el, WIDTH, 100);
    const maps = Array.from({ length: MAPS }, () => canvas(el, WIDTH, 84));
    const small = maps.map(() => canvas(null, EVENTS, UNITS));
    let events = [], waiting = [], frame;
    const draw = () => {
      frame = undefined;
      const fresh = waiting.slice(-EVENTS);
      waiting = [];
      const gone = Math.max(0, events.length + fresh.length - EVENTS);
      events = events.concat(fresh).slice(-EVENTS);
      small.forEach((pen, map) => {
        if (gone) pen.drawImage(pen.canvas, -gone, 0);
        const image = pen.createImageData(fresh.length, UNITS);
        fresh.forEach((event, n) => {
          for (let unit = 0; unit < UNITS; unit++)
            image.data.set([...colour(event[map * UNITS + unit], !map), 255], 4 * (unit * fresh.length + n));
        });
        pen.putImageData(image, events.length - fresh.length, 0);
        maps[map].imageSmoothingEnabled = false;
        maps[map].drawImage(pen.canvas, 0, 0, WIDTH, 84);
      });
      lines(top, 170, events, [[ROW - 4, "#999", 4], [ROW - 3, "#0072b2", 1.5]]);
      lines(below, 100, events, [[ROW - 2, "#d55e00", 1.5], [ROW - 1, "#0072b2", 1.5]]);
    };
    model.on("msg:custom", (_, [view]) => {
      const numbers = new Float32Array(
        view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength),
      );
      for (let at = 0; at < numbers.length; at += ROW) waiting.push(numbers.subarray(at, at + ROW));
      frame ??= requestAnimationFrame(draw);
    });
  },
};
