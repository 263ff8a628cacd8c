// How many frames a page asks for: as many as it can paint.

const FASTEST = 1 / 60, SLOWEST = 0.5; // seconds between two frames
export const PACING = 1000; // ms between two looks at how the page keeps up

export class Pace {
  // ask: is told the seconds between two frames, whenever they change
  constructor(ask) {
    this.ask = ask;
    this.received = 0;
    this.interval = FASTEST;
    this.looked = performance.now();
  }

  take() {
    this.received++;
  }

  // Once in a while: a page that gets more frames than it paints asks for fewer; for more when it
  // keeps up; for few when nobody sees it.
  look(charts, moving) {
    const now = performance.now();
    const seconds = (now - this.looked) / 1000;
    this.looked = now;
    const painted = Math.max(0, ...charts.map((chart) => chart.takePainted())) / seconds;
    const received = this.received / seconds;
    this.received = 0;
    const seen = !document.hidden && charts.some((chart) => chart.visible);
    const steady = seen && moving && this.steady; // all of the time
    this.steady = seen && moving;
    if (!seen) this.change(SLOWEST);
    else if (!steady) this.change(Math.min(this.interval, 2 * FASTEST));
    else if (received > 1.2 * painted)
      this.change(Math.min(1.3 * this.interval, 1 / Math.max(1, painted), SLOWEST));
    else this.change(Math.max(FASTEST, 0.85 * this.interval));
  }

  change(interval) {
    if (Math.abs(interval / this.interval - 1) < 0.01) return;
    this.interval = interval;
    this.ask(interval);
  }
}
