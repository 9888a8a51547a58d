// Thigh, shank and foot as solids, turned by the estimated orientations and seen from the front and from the side.
// Segment frames: X forward, Y up the segment, Z to the person's right; world z up. The person's slow turning is taken
// off, so that one looks at the leg from the front wherever the person faces; what turns within a step stays.

import { colours, fitted } from "./canvas.js";

const THIGH_M = 0.42;
const SHANK_M = 0.4;
const HIPS_M = 0.18;
const TURN_S = 1.5;
const FOLLOW_S = 0.04;
const TALL_M = 0.93;
const FRONT_M = 0.38;
const SIDE_M = 0.95;
const AROUND = 10;
// Radii along a segment: [share of its length from the upper end, forward, sideways, forward offset], m.
const THIGH = [[0, 0.085, 0.08, 0], [0.25, 0.08, 0.075, 0.005], [0.6, 0.062, 0.06, 0.005], [0.88, 0.052, 0.052, 0.004], [1, 0.05, 0.05, 0]];
const SHANK = [[0, 0.05, 0.05, 0], [0.1, 0.05, 0.05, 0], [0.3, 0.058, 0.055, -0.012], [0.6, 0.043, 0.042, -0.006], [0.9, 0.03, 0.03, 0], [1, 0.032, 0.032, 0]];

export class Leg {
  constructor(canvas) {
    this.canvas = canvas;
    this.poses = {};
  }

  clear() {
    this.poses = {};
  }

  add(leg) {
    const known = leg.q && !leg.q.includes(null);
    const pose = this.poses[leg.side];
    if (!known) {
      if (pose) pose.stale = true;
      return;
    }
    const goal = [leg.q.slice(0, 4), leg.q.slice(4, 8)];
    if (pose) Object.assign(pose, { goal, stale: false });
    else this.poses[leg.side] = { goal, now: goal, heading: null, stale: false };
  }

  // Towards where the leg is known to be, evenly; returns whether anything moves.
  advance(seconds) {
    let moves = false;
    for (const pose of Object.values(this.poses)) {
      const share = 1 - Math.exp(-seconds / FOLLOW_S);
      const before = pose.now;
      pose.now = before.map((q, i) => mixed(q, pose.goal[i], share));
      moves ||= pose.now.some((q, i) => Math.abs(dot(q, pose.goal[i])) < 1 - 1e-7);
      pose.thigh = matrix(pose.now[0]);
      pose.shank = matrix(pose.now[1]);
      // Where the thigh's axis to the right points on the ground tells the heading.
      const heading = Math.atan2(pose.thigh[1][2], pose.thigh[0][2]) + Math.PI / 2;
      const turn = pose.heading === null ? 0 : (1 - Math.exp(-seconds / TURN_S)) * wrapped(heading - pose.heading);
      pose.heading = pose.heading === null ? heading : pose.heading + turn;
    }
    return moves;
  }

  draw() {
    const { context, width, height } = fitted(this.canvas);
    if (width < 50) return;
    // The side view needs more room: there the leg swings.
    const front = FRONT_M + (Object.keys(this.poses).length > 1 ? HIPS_M : 0);
    const narrow = (width * front) / (front + SIDE_M);
    const scale = Math.min((height - 56) / TALL_M, narrow / front);
    this.view(context, 0, narrow, height, scale, "front");
    this.view(context, narrow, width - narrow, height, scale, "side");
    if (!Object.keys(this.poses).length) context.fillText("It is shown when it is calibrated.", width / 2, height / 2);
    context.strokeStyle = colours().line;
    context.lineWidth = 1;
    context.beginPath();
    context.moveTo(narrow, height - 26);
    context.lineTo(narrow, height - 4);
    context.stroke();
  }

  view(context, left, width, height, scale, name) {
    const colour = colours();
    context.fillStyle = colour.dim;
    context.font = "13px system-ui, sans-serif";
    context.textAlign = "center";
    context.fillText(name === "front" ? "from the front" : "from the side", left + width / 2, height - 8);
    const sides = Object.keys(this.poses).filter((side) => this.poses[side].thigh);
    if (!sides.length) return;
    const both = sides.length > 1;
    const faces = [];
    for (const side of sides) {
      const pose = this.poses[side];
      const shift = both ? (side === "right" ? HIPS_M / 2 : -HIPS_M / 2) : 0;
      faces.push(...solids(pose, side, shift, name, colour, both));
    }
    faces.sort((a, b) => a.depth - b.depth);
    const x0 = left + width * 0.5;
    const y0 = 26 + Math.max(0, (height - 56 - TALL_M * scale) / 2);
    context.save();
    context.beginPath();
    context.rect(left, 0, width, height - 24);
    context.clip();
    context.lineWidth = 0.7;
    for (const face of faces) {
      context.fillStyle = face.fill;
      context.strokeStyle = face.fill;
      context.beginPath();
      face.points.forEach(([u, v], i) => context[i ? "lineTo" : "moveTo"](x0 + u * scale, y0 + (0.03 - v) * scale));
      context.closePath();
      context.fill();
      context.stroke();
    }
    context.restore();
    if (name === "front") {
      // Seen from the front, the person's right is on the left.
      context.fillStyle = colour.dim;
      if (both) {
        context.fillText("R", left + 16, 20);
        context.fillText("L", left + width - 16, 20);
      } else context.fillText(`${sides[0]} leg`, left + width / 2, 16);
    }
  }
}

function solids(pose, side, shift, view, colour, both) {
  const hip = [0, -shift, 0];
  const thigh = level(pose.thigh, pose.heading);
  const shank = level(pose.shank, pose.heading);
  const knee = added(hip, times(thigh, [0, -THIGH_M, 0]));
  const ankle = added(knee, times(shank, [0, -SHANK_M, 0]));
  const skin = pose.stale ? colour.line : colour.skin;
  const out = side === "right" ? 1 : -1;
  const faces = [];
  lofted(faces, hip, thigh, THIGH_M, THIGH, skin, view);
  lofted(faces, knee, shank, SHANK_M, SHANK, skin, view);
  block(faces, ankle, shank, [-0.07, 0.17], [-0.065, -0.02], [-0.038, 0.038], colour.shoe, view);
  block(faces, hip, thigh, [-0.028, 0.028], [-0.26, -0.17], [out * 0.06, out * 0.085], colour.sensor, view);
  block(faces, knee, shank, [0.02, 0.055], [-0.19, -0.11], [-out * 0.052, -out * 0.02], colour.sensor, view);
  if (both) {
    const tint = colour[side];
    lofted(faces, knee, shank, 0.001, [[0, 0.056, 0.056, 0], [14, 0.056, 0.056, 0]], tint, view);
  }
  return faces;
}

function lofted(faces, origin, turn, length, rings, fill, view) {
  const points = rings.map(([share, forward, aside, offset]) => {
    const ring = [];
    for (let k = 0; k < AROUND; k++) {
      const angle = (2 * Math.PI * k) / AROUND;
      const local = [offset + forward * Math.cos(angle), -share * length, aside * Math.sin(angle)];
      ring.push(added(origin, times(turn, local)));
    }
    return ring;
  });
  for (let i = 0; i + 1 < points.length; i++) {
    for (let k = 0; k < AROUND; k++) {
      const next = (k + 1) % AROUND;
      face(faces, [points[i][k], points[i][next], points[i + 1][next], points[i + 1][k]], fill, view);
    }
  }
  face(faces, [...points[0]].reverse(), fill, view);
  face(faces, points.at(-1), fill, view);
}

function block(faces, origin, turn, x, y, z, fill, view) {
  const [z0, z1] = z[0] < z[1] ? z : [z[1], z[0]];
  const c = [];
  for (const i of [0, 1]) for (const j of [0, 1]) for (const k of [z0, z1]) c.push(added(origin, times(turn, [x[i], y[j], k])));
  for (const quad of [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]) {
    face(faces, quad.map((corner) => c[corner]), fill, view);
  }
}

// World: x forward, y to the left, z up. The front view looks along -x: the person's right is on the left.
function face(faces, corners, fill, view) {
  const flat = corners.map(([x, y, z]) => (view === "front" ? [y, z, x] : [x, z, -y]));
  let area = 0;
  for (let i = 0; i < flat.length; i++) {
    const [a, b] = [flat[i], flat[(i + 1) % flat.length]];
    area += a[0] * b[1] - b[0] * a[1];
  }
  const normal = crossed(less(flat[1], flat[0]), less(flat.at(-1), flat[0]));
  const size = Math.hypot(...normal) || 1;
  const facing = Math.abs(normal[2]) / size;
  const lit = (Math.sign(normal[2]) * (normal[0] * -0.35 + normal[1] * 0.5)) / size;
  const depth = flat.reduce((sum, point) => sum + point[2], 0) / flat.length;
  if (Math.abs(area) < 1e-9) return;
  faces.push({ points: flat, depth, fill: shaded(fill, 0.62 + 0.3 * facing + 0.16 * lit) });
}

const shades = new Map();

function shaded(colour, light) {
  const level = Math.round(Math.max(0.35, Math.min(1.08, light)) * 24) / 24;
  const key = colour + level;
  let found = shades.get(key);
  if (!found) {
    const value = parseInt(colour.slice(1), 16);
    const parts = [16, 8, 0].map((bits) => Math.min(255, Math.round(((value >> bits) & 255) * level)));
    found = `rgb(${parts.join(",")})`;
    shades.set(key, found);
  }
  return found;
}

function level(turn, heading) {
  const c = Math.cos(-heading);
  const s = Math.sin(-heading);
  return [
    turn[0].map((value, i) => c * value - s * turn[1][i]),
    turn[0].map((value, i) => s * value + c * turn[1][i]),
    turn[2],
  ];
}

function matrix([w, x, y, z]) {
  return [
    [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
    [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
    [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
  ];
}

// Between two orientations, the short way round.
function mixed(a, b, share) {
  const sign = dot(a, b) < 0 ? -1 : 1;
  const q = a.map((value, i) => (1 - share) * value + share * sign * b[i]);
  const size = Math.hypot(...q) || 1;
  return q.map((value) => value / size);
}

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const times = (m, v) => m.map((row) => row[0] * v[0] + row[1] * v[1] + row[2] * v[2]);
const added = (a, b) => [a[0] + b[0], a[1] + b[1], a[2] + b[2]];
const less = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const crossed = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const wrapped = (angle) => Math.atan2(Math.sin(angle), Math.cos(angle));
