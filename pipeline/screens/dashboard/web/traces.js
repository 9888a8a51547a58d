// The angles of the last seconds, one strip each, the same scale for both legs; episodes as bands behind them. Axes and
// words lie on a sheet of their own under the lines, which is drawn again only where the scale changes.

import { colours, Sheet } from "./canvas.js";

export const WINDOW_S = 10;
const GUTTER = 46;
const BEHIND_S = 0.08;
const JUMP_S = 1.5;
const PULL = 5;
const SCALE_MS = 250;
const KEPT = 2048;
const GAP_S = 0.15;
const MARGIN = 4;
const FOOT = 18;
const HEAD = 20;
// measure: the rule that this strip's angle is judged by.
const STRIPS = [
  { key: "f", name: "Bend", clinical: "flexion", low: 0, high: 90, tick: 30, grow: 10 },
  { key: "a", name: "Knee inward +", clinical: "abduction, valgus", low: -10, high: 10, tick: 5, grow: 5, measure: "abduction" },
  { key: "c", name: "Leg leans inward +", clinical: "medial collapse", low: -10, high: 10, tick: 5, grow: 5, measure: "collapse" },
  { key: "r", name: "Twist inward +", clinical: "tibial rotation", low: -20, high: 20, tick: 10, grow: 10 },
];

// The last samples of one leg, in rings.
class Samples {
  constructor() {
    this.t = new Float64Array(KEPT);
    for (const name of ["f", "a", "r", "c"]) this[name] = new Float32Array(KEPT);
    this.count = 0;
    this.first = 0;
    this.last = null;
  }

  push(t, f, a, r, c) {
    const at = this.count++ % KEPT;
    this.t[at] = t;
    this.f[at] = f ?? NaN;
    this.a[at] = a ?? NaN;
    this.r[at] = r ?? NaN;
    this.c[at] = c ?? NaN;
    this.last = t;
  }

  // The number of the first sample that is not older.
  since(t) {
    this.first = Math.max(this.first, this.count - KEPT);
    while (this.first < this.count && this.t[this.first % KEPT] < t) this.first++;
    return this.first;
  }
}

export class Traces {
  constructor(canvas, changed) {
    const under = document.createElement("canvas");
    under.setAttribute("aria-hidden", "true");
    canvas.before(under);
    this.under = new Sheet(under, changed);
    this.sheet = new Sheet(canvas, changed);
    this.clear();
  }

  clear() {
    this.sides = {};
    this.bands = [];
    this.latest = 0;
    this.now = 0;
    this.scaled = -Infinity;
    this.framed = "";
  }

  // Colours have changed.
  repaint() {
    this.framed = "";
  }

  // Sensors send several samples at a time; the picture moves evenly all the same, a little behind them.
  // Returns whether anything moves.
  advance(seconds) {
    const behind = this.latest - this.now;
    if (behind <= 0) return false;
    if (behind > JUMP_S) this.now = this.latest - BEHIND_S;
    const pace = Math.max(0, 1 + PULL * (behind - BEHIND_S));
    this.now = Math.min(this.latest, this.now + seconds * pace);
    return true;
  }

  add(leg) {
    const side = (this.sides[leg.side] ??= new Samples());
    for (let i = 0; i < leg.f.length; i++) side.push(leg.start + i * leg.step, leg.f[i], leg.a[i], leg.r[i], leg.c[i]);
    this.latest = Math.max(this.latest, side.last ?? 0);
  }

  begin(band) {
    this.bands.push({ side: band.side, start: band.start, end: null, measure: band.measure });
    if (this.bands.length > 40) this.bands.shift();
  }

  end(band) {
    const open = this.bands.findLast((each) => each.side === band.side && each.end === null);
    if (!open) return;
    if (band.withdrawn) this.bands.splice(this.bands.indexOf(open), 1);
    else Object.assign(open, { end: band.end, measure: band.measure ?? open.measure });
  }

  draw() {
    if (!this.sheet.begin()) return;
    const { context, width, height } = this.sheet;
    this.scale();
    const each = (height - FOOT) / STRIPS.length;
    const boxes = STRIPS.map((strip, number) => ({
      left: GUTTER,
      right: width - MARGIN,
      head: number * each,
      top: number * each + HEAD,
      bottom: (number + 1) * each - 6,
    }));
    const framed = [width, height, ...this.scales.flat()].join();
    if (framed !== this.framed || this.under.stale) {
      this.framed = framed;
      this.frame(boxes);
    }
    STRIPS.forEach((strip, number) => {
      this.band(context, strip, boxes[number]);
      for (const [side, samples] of Object.entries(this.sides)) this.line(context, side, samples, number, boxes[number]);
    });
  }

  // Wide enough for what is seen, in whole ticks; it narrows again when that has passed.
  scale() {
    const now = performance.now();
    if (now - this.scaled < SCALE_MS) return;
    this.scaled = now;
    this.scales = STRIPS.map(({ key, low, high, grow }) => {
      for (const samples of Object.values(this.sides)) {
        for (let i = samples.since(this.now - WINDOW_S); i < samples.count; i += 2) {
          const value = samples[key][i % KEPT];
          if (value < low) low = value;
          if (value > high) high = value;
        }
      }
      return [Math.floor(low / grow) * grow, Math.ceil(high / grow) * grow];
    });
  }

  band(context, strip, box) {
    if (!this.bands.length) return;
    const x = (t) => box.right + ((t - this.now) / WINDOW_S) * (box.right - box.left);
    context.fillStyle = colours().alarm;
    for (const band of this.bands) {
      const left = Math.max(box.left, x(band.start));
      const right = Math.min(box.right, x(band.end ?? this.now));
      if (right <= left) continue;
      // Darker where the rule was broken.
      const meant = strip.measure && (band.measure === "both" || band.measure === strip.measure);
      context.globalAlpha = meant ? 0.34 : 0.13;
      context.fillRect(left, box.top, right - left, box.bottom - box.top);
      context.globalAlpha = 1;
      if (meant) context.fillRect(left, box.top - 3, right - left, 3);
    }
  }

  frame(boxes) {
    if (!this.under.begin()) return;
    const { context, width, height } = this.under;
    const colour = colours();
    context.lineWidth = 1;
    STRIPS.forEach((strip, number) => {
      const box = boxes[number];
      const [low, high] = this.scales[number];
      const y = (value) => box.bottom - ((value - low) / (high - low)) * (box.bottom - box.top);
      context.textAlign = "left";
      context.fillStyle = colour.ink;
      context.font = "600 13px system-ui, sans-serif";
      context.fillText(strip.name, box.left, box.head + 12);
      const wide = context.measureText(strip.name).width;
      context.font = "12px system-ui, sans-serif";
      context.fillStyle = colour.dim;
      context.fillText(strip.clinical, box.left + wide + 8, box.head + 12);
      context.textAlign = "right";
      context.strokeStyle = colour.line;
      let tick = strip.tick;
      while ((high - low) / tick > Math.max(2, (box.bottom - box.top) / 18)) tick *= 2;
      for (let value = Math.ceil(low / tick) * tick; value <= high + 1e-6; value += tick) {
        context.lineWidth = value === 0 ? 1.8 : 0.8;
        context.beginPath();
        context.moveTo(box.left, y(value));
        context.lineTo(box.right, y(value));
        context.stroke();
        context.fillText(`${value}°`.replace("-", "\u2212"), GUTTER - 6, y(value) + 4);
      }
    });
    context.textAlign = "left";
    context.fillText(`${WINDOW_S} s ago`, GUTTER, height - 4);
    context.textAlign = "right";
    context.fillText("now", width - MARGIN, height - 4);
  }

  line(context, side, samples, number, box) {
    const [low, high] = this.scales[number];
    const values = samples[STRIPS[number].key];
    const perSecond = (box.right - box.left) / WINDOW_S;
    const perDegree = (box.bottom - box.top) / (high - low);
    // A point for each pixel and a half; which ones does not change while they move, so that the line keeps its shape.
    const every = Math.max(1, Math.round(150 / perSecond));
    let i = samples.since(this.now - WINDOW_S);
    i += (every - (i % every)) % every;
    context.strokeStyle = colours()[side];
    context.lineWidth = 2;
    // The two legs differ in their stroke as well as in their colour.
    if (side === "left" && Object.keys(this.sides).length > 1) context.setLineDash([7, 3]);
    context.beginPath();
    let pen = false;
    let before = 0;
    for (; i < samples.count; i += every) {
      const at = i % KEPT;
      const t = samples.t[at];
      if (t > this.now) break;
      const value = values[at];
      if (value !== value) {
        pen = false;
        continue;
      }
      const x = box.right + (t - this.now) * perSecond;
      const y = Math.max(box.top - 1, Math.min(box.bottom + 1, box.bottom - (value - low) * perDegree));
      if (pen && t - before < GAP_S) context.lineTo(x, y);
      else context.moveTo(x, y);
      pen = true;
      before = t;
    }
    context.stroke();
    context.setLineDash([]);
  }
}
