// What panels draw with: elements, lines, areas and images.

export function element(parent, tag, { text, ...attributes } = {}, listeners = {}) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  if (text !== undefined) node.textContent = text;
  for (const [name, call] of Object.entries(listeners)) node.addEventListener(name, call);
  parent?.append(node);
  return node;
}

// The pen of a canvas that is made so large and empty, in CSS pixels.
export function penOf(canvas, width, height, font) {
  const ratio = globalThis.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.font = font;
  pen.lineJoin = "round";
  return pen;
}

export const say = (node, text) => {
  if (node.textContent !== text) node.textContent = text;
};

// Lines of numbers at (step, value), at most two points a pixel: its lowest and its highest.
export function path(pen, points, x, y, room) {
  pen.beginPath();
  const { from, to, at } = points;
  const dense = to - from > 2 * room;
  const alone = []; // steps without neighbours
  let open = false;
  if (!dense) {
    for (let n = from; n <= to; n++) {
      const value = at(n);
      if (Number.isNaN(value)) {
        open = false;
        continue;
      }
      if (open) pen.lineTo(x(n), y(value));
      else if (n === to || Number.isNaN(at(n + 1))) {
        alone.push(n);
        continue;
      } else pen.moveTo(x(n), y(value));
      open = true;
    }
  } else {
    const apart = (to - from + 1) / room;
    for (let pixel = 0; pixel < room; pixel++) {
      let low = Infinity, high = -Infinity;
      const end = Math.min(to, Math.floor(from + (pixel + 1) * apart) - 1);
      for (let n = Math.floor(from + pixel * apart); n <= end; n++) {
        const value = at(n);
        if (value < low) low = value;
        if (value > high) high = value;
      }
      if (low > high) {
        open = false;
        continue;
      }
      const here = x(from + (pixel + 0.5) * apart);
      if (open) pen.lineTo(here, y(low));
      else pen.moveTo(here, y(low));
      pen.lineTo(here, y(high));
      open = true;
    }
  }
  pen.stroke();
  dots(pen, alone.map((n) => [x(n), y(at(n))]));
}

function dots(pen, points) {
  const radius = pen.lineWidth + 1.2;
  pen.fillStyle = pen.strokeStyle;
  pen.beginPath();
  for (const [across, up] of points) {
    pen.moveTo(across + radius, up);
    pen.arc(across, up, radius, 0, 7);
  }
  pen.fill();
}

export function area(pen, from, to, low, high, x, y) {
  let n = from;
  while (n <= to) {
    while (n <= to && Number.isNaN(low(n))) n++;
    const begin = n;
    while (n <= to && !Number.isNaN(low(n))) n++;
    if (n === begin) break;
    pen.beginPath();
    for (let k = begin; k < n; k++) pen.lineTo(x(k), y(low(k)));
    for (let k = n - 1; k >= begin; k--) pen.lineTo(x(k), y(high(k)));
    pen.closePath();
    pen.fill();
  }
}

export function drawDrifts(pen, scene, height) {
  const { store, x } = scene;
  pen.strokeStyle = scene.palette.naive;
  pen.lineWidth = 1.5;
  pen.setLineDash([5, 4]);
  pen.beginPath();
  for (const step of store.drifts) {
    if (step < scene.start || step > scene.end) continue;
    pen.moveTo(x(step), 0);
    pen.lineTo(x(step), height);
  }
  pen.stroke();
  pen.setLineDash([]);
}

// Which steps the columns of an image show: all, or where pixels are fewer some for each. `pick`
// says which one stands for a column, `span` all of them, from the first to before the last.
export function thinned(first, last, room) {
  const all = last - first + 1;
  const count = Math.max(1, Math.min(all, Math.floor(room)));
  const at = (k) => first + Math.floor((k * all) / count);
  return { all, count, pick: (k) => at(k + 0.5), span: (k) => [at(k), Math.max(at(k) + 1, at(k + 1))] };
}

// The pixels of an image of a size, transparent, and a call that shows them.
export function pixels(canvas, width, height) {
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(width, height);
  return [new Uint32Array(image.data.buffer), () => pen.putImageData(image, 0, 0)];
}
