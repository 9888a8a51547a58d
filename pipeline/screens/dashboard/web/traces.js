// The three angles of the last seconds, one strip each, the same scale for both legs; episodes as bands behind them.

import { colours, fitted } from "./canvas.js";

export const WINDOW_S = 10;
const GUTTER = 46;
const BEHIND_S = 0.08;
const JUMP_S = 1.5;
const PULL = 5;
const STRIPS = [
  { key: "f", name: "Bend", clinical: "flexion", low: 0, high: 90, tick: 30, grow: 10 },
  { key: "a", name: "Inward +", clinical: "abduction, valgus", low: -10, high: 10, tick: 5, grow: 5 },
  { key: "r", name: "Twist inward +", clinical: "tibial rotation", low: -20, high: 20, tick: 10, grow: 10 },
];

export class Traces {
  constructor(canvas) {
    this.canvas = canvas;
    this.clear();
  }

  clear() {
    this.sides = {};
    this.bands = [];
    this.latest = 0;
    this.now = 0;
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
    const side = (this.sides[leg.side] ??= { t: [], f: [], a: [], r: [] });
    const last = side.t.at(-1);
    // A hole in time breaks the line.
    if (last !== undefined && leg.start - last > 3 * leg.step) push(side, last + leg.step, null, null, null);
    for (let i = 0; i < leg.f.length; i++) push(side, leg.start + i * leg.step, leg.f[i], leg.a[i], leg.r[i]);
    this.latest = Math.max(this.latest, side.t.at(-1) ?? 0);
    const old = side.t.findIndex((t) => t > this.latest - WINDOW_S - 2 * JUMP_S);
    if (old > 200) for (const name of ["t", "f", "a", "r"]) side[name].splice(0, old);
  }

  begin(band) {
    this.bands.push({ side: band.side, start: band.start, end: null });
    if (this.bands.length > 40) this.bands.shift();
  }

  end(band) {
    const open = this.bands.findLast((each) => each.side === band.side && each.end === null);
    if (!open) return;
    if (band.withdrawn) this.bands.splice(this.bands.indexOf(open), 1);
    else open.end = band.end;
  }

  draw() {
    const { context, width, height } = fitted(this.canvas);
    if (width < 50) return;
    const foot = 18;
    const each = (height - foot) / STRIPS.length;
    const x = (t) => GUTTER + ((t - this.now + WINDOW_S) / WINDOW_S) * (width - GUTTER - 4);
    context.font = "12px system-ui, sans-serif";
    STRIPS.forEach((strip, number) => {
      const top = number * each;
      const box = { left: GUTTER, right: width - 4, top: top + 20, bottom: top + each - 6 };
      const [low, high] = this.scale(strip);
      const y = (value) => box.bottom - ((value - low) / (high - low)) * (box.bottom - box.top);
      this.band(context, box, x);
      this.frame(context, strip, box, y, low, high, top);
      for (const [side, data] of Object.entries(this.sides)) this.line(context, side, data, strip.key, x, y, width, box);
    });
    context.fillStyle = colours().dim;
    context.textAlign = "left";
    context.fillText(`${WINDOW_S} s ago`, GUTTER, height - 4);
    context.textAlign = "right";
    context.fillText("now", width - 4, height - 4);
  }

  // Wide enough for what is seen, in whole ticks; it narrows again when that has passed.
  scale(strip) {
    let low = strip.low;
    let high = strip.high;
    for (const data of Object.values(this.sides)) {
      for (let i = 0; i < data.t.length; i += 2) {
        const value = data[strip.key][i];
        if (value === null || data.t[i] < this.now - WINDOW_S) continue;
        if (value < low) low = value;
        if (value > high) high = value;
      }
    }
    return [Math.floor(low / strip.grow) * strip.grow, Math.ceil(high / strip.grow) * strip.grow];
  }

  band(context, box, x) {
    context.fillStyle = colours().alarm;
    for (const band of this.bands) {
      const left = Math.max(box.left, x(band.start));
      const right = Math.min(box.right, x(band.end ?? this.now));
      if (right <= left) continue;
      context.globalAlpha = 0.22;
      context.fillRect(left, box.top, right - left, box.bottom - box.top);
      context.globalAlpha = 1;
      context.fillRect(left, box.top - 3, right - left, 3);
    }
    context.globalAlpha = 1;
  }

  frame(context, strip, box, y, low, high, top) {
    const colour = colours();
    context.textAlign = "left";
    context.fillStyle = colour.ink;
    context.font = "600 13px system-ui, sans-serif";
    context.fillText(strip.name, box.left, top + 12);
    const wide = context.measureText(strip.name).width;
    context.font = "12px system-ui, sans-serif";
    context.fillStyle = colour.dim;
    context.fillText(strip.clinical, box.left + wide + 8, top + 12);
    context.textAlign = "right";
    let tick = strip.tick;
    while ((high - low) / tick > Math.max(2, (box.bottom - box.top) / 18)) tick *= 2;
    for (let value = Math.ceil(low / tick) * tick; value <= high + 1e-6; value += tick) {
      context.strokeStyle = colour.line;
      context.lineWidth = value === 0 ? 1.6 : 0.8;
      context.beginPath();
      context.moveTo(box.left, y(value));
      context.lineTo(box.right, y(value));
      context.stroke();
      context.fillText(`${value}°`, GUTTER - 6, y(value) + 4);
    }
  }

  line(context, side, data, key, x, y, width, box) {
    const values = data[key];
    const every = Math.max(1, Math.floor((WINDOW_S * 100) / (1.5 * (width - GUTTER))));
    context.save();
    context.beginPath();
    context.rect(box.left, box.top - 1, box.right - box.left, box.bottom - box.top + 2);
    context.clip();
    context.strokeStyle = colours()[side];
    context.lineWidth = 2;
    context.lineJoin = "round";
    // The two legs differ in their stroke as well as in their colour.
    context.setLineDash(side === "left" && Object.keys(this.sides).length > 1 ? [7, 3] : []);
    context.beginPath();
    let pen = false;
    for (let i = 0; i < values.length; i += every) {
      if (data.t[i] < this.now - WINDOW_S - 0.2) continue;
      if (data.t[i] > this.now) break;
      if (values[i] === null) {
        pen = false;
      } else if (pen) {
        context.lineTo(x(data.t[i]), y(values[i]));
      } else {
        context.moveTo(x(data.t[i]), y(values[i]));
        pen = true;
      }
    }
    context.stroke();
    context.restore();
  }
}

function push(side, t, f, a, r) {
  side.t.push(t);
  side.f.push(f);
  side.a.push(a);
  side.r.push(r);
}
