// Thigh, shank and foot as solids, turned by the estimated orientations and seen from the front and from the side.
// Segment frames: X forward, Y up the segment, Z to the person's right; world z up. The person's slow turning is taken
// off, so that one looks at the leg from the front wherever the person faces; what turns within a step stays.

import { colours, Sheet } from "./canvas.js";

const THIGH_M = 0.42;
const SHANK_M = 0.4;
const HIPS_M = 0.18;
const TURN_S = 1.5;
const FOLLOW_S = 0.04;
const TALL_M = 0.93;
const FRONT_M = 0.38;
const SIDE_M = 0.95;
const AROUND = 10;
const HEAD = 26;
const FOOT = 30;
// Radii along a segment: [share of its length from the upper end, forward, sideways, forward offset], m.
const THIGH = [[0, 0.085, 0.08, 0], [0.25, 0.08, 0.075, 0.005], [0.6, 0.062, 0.06, 0.005], [0.88, 0.052, 0.052, 0.004], [1, 0.05, 0.05, 0]];
const SHANK = [[0, 0.05, 0.05, 0], [0.1, 0.05, 0.05, 0], [0.3, 0.058, 0.055, -0.012], [0.6, 0.043, 0.042, -0.006], [0.9, 0.03, 0.03, 0], [1, 0.032, 0.032, 0]];
// What each view looks at, rows in the world (x forward, y to the left, z up): to the right of the picture, up, and
// towards the eye. From the front, the person's right is on the left.
const VIEWS = {
  front: [[0, 1, 0], [0, 0, 1], [1, 0, 0]],
  side: [[1, 0, 0], [0, 0, 1], [0, -1, 0]],
};

export class Leg {
  constructor(canvas, changed) {
    this.sheet = new Sheet(canvas, changed);
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
    else this.poses[leg.side] = { goal, now: goal, heading: null, stale: false, solids: solids(leg.side) };
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
    if (!this.sheet.begin()) return;
    const { context, width, height } = this.sheet;
    context.textAlign = "center";
    context.font = "13px system-ui, sans-serif";
    context.fillStyle = colours().dim;
    if (!Object.keys(this.poses).length) {
      context.fillText("It is shown when it is calibrated.", width / 2, height / 2);
      return;
    }
    // The side view needs more room: there the leg swings.
    const front = FRONT_M + (Object.keys(this.poses).length > 1 ? HIPS_M : 0);
    const narrow = (width * front) / (front + SIDE_M);
    const scale = Math.min((height - HEAD - FOOT) / TALL_M, narrow / front);
    this.view(context, 0, narrow, height, scale, "front");
    this.view(context, narrow, width - narrow, height, scale, "side");
  }

  view(context, left, width, height, scale, name) {
    const colour = colours();
    const sides = Object.keys(this.poses).filter((side) => this.poses[side].thigh);
    const both = sides.length > 1;
    const faces = [];
    for (const side of sides) {
      const shift = both ? (side === "right" ? -HIPS_M / 2 : HIPS_M / 2) : 0;
      project(faces, this.poses[side], shift, VIEWS[name], colour, both ? colour[side] : null);
    }
    faces.sort((a, b) => a.depth - b.depth);
    const x0 = left + width / 2;
    const y0 = HEAD + Math.max(0, (height - HEAD - FOOT - TALL_M * scale) / 2) + 0.03 * scale;
    context.lineWidth = 0.7;
    for (const { points, fill } of faces) {
      context.fillStyle = context.strokeStyle = fill;
      context.beginPath();
      context.moveTo(x0 + points[0] * scale, y0 - points[1] * scale);
      for (let i = 2; i < points.length; i += 2) context.lineTo(x0 + points[i] * scale, y0 - points[i + 1] * scale);
      context.closePath();
      context.fill();
      // Or the ground shines through between two faces.
      context.stroke();
    }
    context.fillStyle = colour.dim;
    context.fillText(name === "front" ? "from the front" : "from the side", x0, height - 8);
    if (name === "side") return;
    const gap = both ? Math.min(width / 4, 0.75 * HIPS_M * scale) : 0;
    for (const side of sides) context.fillText(side, x0 + (side === "right" ? -gap : gap), 16);
  }
}

// The parts of a leg in the frames of their segments: corners, and faces with their outward normals. Made once.
function solids(side) {
  const out = side === "right" ? 1 : -1;
  return [
    lofted("thigh", THIGH_M, THIGH, "skin"),
    lofted("shank", SHANK_M, SHANK, "skin"),
    lofted("shank", 0.001, [[0, 0.056, 0.056, 0], [14, 0.056, 0.056, 0]], "side"),
    block("shank", [-0.07, 0.17], [-SHANK_M - 0.065, -SHANK_M - 0.02], [-0.038, 0.038], "shoe"),
    block("thigh", [-0.028, 0.028], [-0.26, -0.17], [out * 0.06, out * 0.085], "sensor"),
    block("shank", [0.02, 0.055], [-0.19, -0.11], [-out * 0.052, -out * 0.02], "sensor"),
  ];
}

function lofted(segment, length, rings, colour) {
  const corners = [];
  for (const [share, forward, aside, offset] of rings) {
    for (let k = 0; k < AROUND; k++) {
      const angle = (2 * Math.PI * k) / AROUND;
      corners.push([offset + forward * Math.cos(angle), -share * length, aside * Math.sin(angle)]);
    }
  }
  const faces = [];
  for (let i = 0; i + 1 < rings.length; i++) {
    for (let k = 0; k < AROUND; k++) {
      const next = (k + 1) % AROUND;
      faces.push([i * AROUND + k, i * AROUND + next, (i + 1) * AROUND + next, (i + 1) * AROUND + k]);
    }
  }
  const ring = (first) => Array.from({ length: AROUND }, (_, k) => first + k);
  faces.push(ring(0).reverse(), ring((rings.length - 1) * AROUND));
  return solid(segment, corners, faces, colour);
}

function block(segment, x, y, z, colour) {
  const corners = [];
  const deep = z[0] < z[1] ? z : [z[1], z[0]];
  for (const i of x) for (const j of y) for (const k of deep) corners.push([i, j, k]);
  const faces = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]];
  return solid(segment, corners, faces, colour);
}

function solid(segment, corners, faces, colour) {
  const normals = faces.map((face) => {
    const [a, b, c] = [corners[face[0]], corners[face[1]], corners[face.at(-1)]];
    const normal = crossed(less(b, a), less(c, a));
    return normal.map((value) => value / Math.hypot(...normal));
  });
  return { segment, corners, faces, normals, colour };
}

// The faces of a leg that look towards the eye, in metres of the picture. shift: of the hip, to the left.
function project(found, pose, shift, view, colour, tint) {
  const thigh = product(view, levelled(pose.thigh, pose.heading));
  const shank = product(view, levelled(pose.shank, pose.heading));
  const hip = view.map((row) => row[1] * shift);
  const knee = hip.map((value, i) => value - THIGH_M * thigh[i][1]);
  for (const { segment, corners, faces, normals, colour: name } of pose.solids) {
    if (name === "side" && !tint) continue;
    const fill = name === "side" ? tint : name === "skin" && pose.stale ? colour.line : colour[name];
    const [turn, origin] = segment === "thigh" ? [thigh, hip] : [shank, knee];
    const seen = corners.map((corner) => turn.map((row, i) => origin[i] + dot(row, corner)));
    faces.forEach((face, number) => {
      const facing = dot(turn[2], normals[number]);
      if (facing <= 0) return;
      const light = 0.62 + 0.3 * facing - 0.056 * dot(turn[0], normals[number]) + 0.08 * dot(turn[1], normals[number]);
      const points = [];
      let depth = 0;
      for (const corner of face) {
        points.push(seen[corner][0], seen[corner][1]);
        depth += seen[corner][2];
      }
      found.push({ points, depth: depth / face.length, fill: shaded(fill, light) });
    });
  }
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

function levelled(turn, heading) {
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
const product = (a, b) => a.map((row) => [0, 1, 2].map((j) => row[0] * b[0][j] + row[1] * b[1][j] + row[2] * b[2][j]));
const less = (a, b) => [a[0] - b[0], a[1] - b[1], a[2] - b[2]];
const crossed = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const wrapped = (angle) => Math.atan2(Math.sin(angle), Math.cos(angle));
