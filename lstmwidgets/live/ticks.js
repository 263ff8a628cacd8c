// Where ticks stand and what is written at them: numbers, events, times and words.

export function step125(span, most) {
  const rough = span / Math.max(1, most);
  const power = 10 ** Math.floor(Math.log10(rough));
  const share = rough / power;
  return power * (share <= 1 ? 1 : share <= 2 ? 2 : share <= 5 ? 5 : 10);
}

export function numberTicks(low, high, most) {
  if (!(high > low)) return [];
  const few = stepTicks(low, high, step125(high - low, most));
  return few.length > 1 ? few : stepTicks(low, high, step125(high - low, 2 * most));
}

function stepTicks(low, high, step) {
  const ticks = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + step * 1e-9; n++)
    ticks.push(n * step);
  const digits = Math.min(10, Math.max(0, -Math.floor(Math.log10(step) + 1e-9)));
  return ticks.map((value) => [value, tickText(value, digits)]);
}

function tickText(value, digits) {
  if (Math.abs(value) >= 1e7 || (value !== 0 && digits > 6))
    return value.toExponential(1).replace("-", "−").replace("+", "");
  const text = Math.abs(value).toLocaleString("en", {
    minimumFractionDigits: digits, maximumFractionDigits: digits,
  });
  return value < 0 && Number(text) !== 0 ? `−${text}` : text;
}

// A number for people: four digits that say something.
export function written(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  const text =
    size !== 0 && (size < 1e-3 || size >= 1e7)
      ? size.toExponential(2).replace("-", "−").replace("+", "")
      : size.toLocaleString("en", { maximumSignificantDigits: 4 });
  return value < 0 && text !== "0" ? `−${text}` : text;
}

export function eventTicks(start, end, most) {
  const step = Math.max(1, step125(end - start, most));
  const ticks = [];
  for (let n = Math.max(0, Math.ceil(start / step)) * step; n <= end; n += step)
    ticks.push([n, n.toLocaleString("en")]);
  return ticks;
}

const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
const SPANS = [
  ...[1, 5, 15, 30].map((n) => n * SECOND),
  ...[1, 5, 15, 30].map((n) => n * MINUTE),
  ...[1, 3, 6, 12].map((n) => n * HOUR),
  ...[1, 2, 7, 14].map((n) => n * DAY),
];
const MONTHS = [1, 3, 6, 12, 24, 60, 120, 240, 600];
const of = (options) => new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options });
const CLOCK = of({ hour: "2-digit", minute: "2-digit" });
const EXACT = of({ hour: "2-digit", minute: "2-digit", second: "2-digit" });
const DATE = of({ day: "numeric", month: "short" });
const MONTH = of({ month: "short" });

// Times at ticks begin a second, an hour, a day, a month or a year: `at(step)` is an event's time.
export function timeTicks(start, end, at, most) {
  const from = Math.max(0, Math.ceil(start)), to = Math.floor(end);
  const begin = at(from), span = at(to) - begin;
  if (!(span > 0)) return null;
  const length = SPANS.find((each) => span / each <= most);
  const months = length ? 0 : (MONTHS.find((n) => span / (n * 30.4 * DAY) <= most) ?? 1200);
  const period = (time) => {
    if (length) return Math.floor((time - (length >= 7 * DAY ? 4 * DAY : 0)) / length);
    const day = new Date(time);
    return Math.floor((day.getUTCFullYear() * 12 + day.getUTCMonth()) / months);
  };
  const ticks = [];
  let last = from > 0 ? period(at(from - 1)) : period(begin) - (begins(begin, length) ? 1 : 0);
  let year = null, day = null;
  for (let step = from; step <= to; step++) {
    const time = at(step);
    if (Number.isNaN(time)) continue;
    const now = period(time);
    if (now === last) continue;
    last = now;
    const [text, newYear, newDay] = timeText(time, length, months, year, day);
    [year, day] = [newYear, newDay];
    ticks.push([step, text]);
  }
  return ticks;
}

function begins(time, length) {
  return length ? time % length === 0 : new Date(time).getUTCDate() === 1;
}

function timeText(time, length, months, year, day) {
  const date = new Date(time);
  const thisYear = date.getUTCFullYear(), thisDay = Math.floor(time / DAY);
  let text;
  if (months >= 12) text = String(thisYear);
  else if (months) text = MONTH.format(time) + (thisYear === year ? "" : ` ${thisYear}`);
  else if (length >= DAY) text = DATE.format(time) + (thisYear === year ? "" : ` ${thisYear}`);
  else if (thisDay !== day && time % DAY < length) text = DATE.format(time);
  else text = (length < MINUTE ? EXACT : CLOCK).format(time);
  return [text, thisYear, thisDay];
}
