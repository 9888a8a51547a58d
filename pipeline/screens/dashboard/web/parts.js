// The parts of the page that change four times a second: the legs' figures, the guide, episodes, sensors.

export const find = (name) => document.querySelector(`.${name}`);

// step: the last step's largest inward angle while loaded; in an episode, the largest so far, of the measure whose rule
// is broken. The others follow the knee. limit: which of the leg's limits the gauge shows.
const MEASURES = {
  step: { key: "x", full: 15, limit: 0 },
  excess: { name: "Knee inward now", more: "beyond its own straight path", key: "x", full: 15, limit: 0 },
  collapse: { name: "Leg leans inward now", more: "thigh and shin together", key: "c", full: 20, limit: 1 },
  flexion: { name: "Knee bend now", more: "flexion", key: "f", full: 120 },
};
const UNKNOWN_DEG = 30;
const IN_STEP = { excess: "Knee inward", collapse: "Leg leans inward" };
const KEYS = { excess: "x", collapse: "c" };

function element(tag, classes, text) {
  const made = document.createElement(tag);
  if (classes) made.className = classes;
  if (text !== undefined) made.textContent = text;
  return made;
}

function put(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

// Adding zero to the rounded value turns -0 into 0; the minus is a true one.
const rounded = (value, decimals) => Number(value.toFixed(decimals)) + 0;
const minus = (text) => text.replace("-", "\u2212");
const signed = (value, decimals) => {
  if (value === null || value === undefined) return "\u2013";
  const near = rounded(value, decimals);
  return (near > 0 ? "+" : "") + minus(near.toFixed(decimals));
};
const plain = (value) => (value === null || value === undefined ? "\u2013" : minus(rounded(value, 0).toFixed(0)));
// Sideways and twist in words rather than with a sign.
const turned = (value) => {
  if (value === null || value === undefined) return "\u2013";
  const size = Math.abs(rounded(value, 1));
  return `${size.toFixed(1)}°${size === 0 ? "" : value > 0 ? " in" : " out"}`;
};
const times = (count, one) => `${count} ${one}${count === 1 ? "" : "s"}`;
export const clock = (seconds) => {
  const whole = Math.max(0, Math.round(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
};

export class Legs {
  constructor(box) {
    this.box = box;
    this.measure = localStorage.getItem("kt-measure") in MEASURES ? localStorage.getItem("kt-measure") : "step";
    this.tiles = {};
    this.shown = [];
  }

  fill(legs) {
    const sides = legs.map((leg) => leg.side).join();
    if (sides !== Object.keys(this.tiles).join() || !this.box.querySelector(".kt-tile")) {
      this.box.replaceChildren();
      this.tiles = Object.fromEntries(legs.map((leg) => [leg.side, this.tile(leg.side)]));
      this.box.dataset.legs = legs.length;
    }
    this.shown = legs;
    for (const leg of legs) this.one(this.tiles[leg.side], leg);
  }

  // Between two states the figure and the needle follow the angles themselves.
  angles(leg) {
    const tile = this.tiles[leg.side];
    if (!tile?.calibrated) return;
    const measure = MEASURES[this.measure];
    const value = leg[this.measure === "step" ? KEYS[tile.broken] : measure.key].at(-1) ?? null;
    tile.share = value === null ? 0 : Math.max(-1, Math.min(1, value / measure.full));
    if (tile.inside && value !== null) tile.most = Math.max(tile.most, value);
    if (this.measure !== "step") this.figure(tile, value);
    else if (tile.inside) this.figure(tile, tile.most);
  }

  // With the picture: the needles.
  draw() {
    for (const tile of Object.values(this.tiles)) {
      const place = Math.round((tile.wide ??= tile.gauge.clientWidth) * 0.49 * (tile.share ?? 0));
      if (place === tile.place) continue;
      tile.place = place;
      tile.needle.style.transform = `translateX(${place}px)`;
    }
  }

  // An episode begins or ends. measure: whose rule is broken.
  alarm(side, on, measure) {
    const tile = this.tiles[side];
    if (!tile) return;
    if (on && measure) tile.broken = measure === "collapse" ? "collapse" : "excess";
    if (tile.inside === on) return;
    tile.inside = on;
    tile.most = -90;
    if (!on) tile.broken = "excess";
    tile.root.classList.toggle("kt-in", on);
    const leg = this.shown.find((each) => each.side === side);
    if (leg) put(tile.name, this.name(tile, leg, MEASURES[this.measure]));
    if (on) put(tile.state, "falling inward");
    else if (leg) put(tile.state, this.words(leg, tile));
  }

  figure(tile, value) {
    const now = performance.now();
    // Digits that change faster than five times a second cannot be read.
    if (now - tile.at < 200) return;
    tile.at = now;
    put(tile.value, this.measure === "flexion" ? plain(value) : signed(value, 0));
  }

  tile(side) {
    const root = element("section", `kt-card kt-tile kt-${side}`);
    root.setAttribute("aria-label", `${side} leg`);
    const head = element("div", "kt-tile-head");
    head.append(element("span", "kt-side", `${side === "right" ? "Right" : "Left"} leg`));
    const activity = head.appendChild(element("span", "kt-activity"));
    const steps = head.appendChild(element("span", "kt-steps-now"));
    const big = element("button", "kt-big");
    big.type = "button";
    big.title = "Tap for another measure";
    const name = big.appendChild(element("span", "kt-measure"));
    const figure = big.appendChild(element("span", "kt-figure"));
    const value = figure.appendChild(element("span", "kt-value", "\u2013"));
    figure.append(element("span", "kt-unit", "°"));
    const state = big.appendChild(element("span", "kt-state"));
    const gauge = element("div", "kt-gauge");
    gauge.setAttribute("aria-hidden", "true");
    gauge.append(element("span", "kt-zero"));
    const needle = gauge.appendChild(element("span", "kt-needle"));
    const ends = gauge.appendChild(element("div", "kt-ends"));
    ends.append(element("span", "", "outward"), element("span", "", "inward"));
    const set = element("div", "kt-set");
    const three = element("div", "kt-three");
    const angles = {};
    for (const [key, words] of [["flexion", "Bend"], ["abduction", "Sideways"], ["rotation", "Twist"]]) {
      const one = three.appendChild(element("div"));
      one.append(element("span", "kt-dim", words));
      angles[key] = one.appendChild(element("span", "kt-number"));
      angles[`${key}Spread`] = one.appendChild(element("span", "kt-dim"));
    }
    const fixed = element("div", "kt-fixed kt-dim");
    root.append(head, big, gauge, set, three, fixed);
    this.box.append(root);
    new ResizeObserver(() => (this.tiles[side].wide = undefined)).observe(gauge);
    big.addEventListener("click", () => {
      const names = Object.keys(MEASURES);
      this.measure = names[(names.indexOf(this.measure) + 1) % names.length];
      localStorage.setItem("kt-measure", this.measure);
      this.fill(this.shown);
    });
    return { root, activity, steps, name, value, state, needle, angles, gauge, ends, set, fixed, at: 0, inside: false, most: -90, broken: "excess" };
  }

  one(tile, leg) {
    const measure = MEASURES[this.measure];
    tile.calibrated = leg.calibrated;
    if (leg.inEpisode !== tile.inside) this.alarm(leg.side, leg.inEpisode);
    tile.root.classList.toggle("kt-unsure", !leg.ok);
    tile.root.classList.toggle("kt-doubt", leg.calibrated && !leg.ok);
    tile.root.classList.toggle("kt-idle", !leg.calibrated);
    tile.root.dataset.level = leg.level;
    tile.root.dataset.last = leg.lastStep;
    put(tile.activity, leg.calibrated ? leg.activity : "");
    this.counts(tile, leg);
    put(tile.name, this.name(tile, leg, measure));
    this.limits(tile, leg, measure);
    if (!(this.measure === "step" && tile.inside)) {
      tile.at = 0;
      this.figure(tile, !leg.calibrated ? null : this.measure === "step" ? leg.peak : leg[this.measure][0]);
    }
    put(tile.state, this.words(leg, tile));
    for (const key of ["flexion", "abduction", "rotation"]) {
      // What is known to a quarter of a turn only is not known.
      const [value, spread] = leg[key][1] > UNKNOWN_DEG ? [null, null] : leg[key];
      put(tile.angles[key], key !== "flexion" ? turned(value) : value === null ? "\u2013" : `${plain(value)}°`);
      put(tile.angles[`${key}Spread`], spread === null ? "" : `± ${spread.toFixed(1)}°`);
    }
    fillSet(tile.set, leg.set);
    put(tile.fixed, fixed(leg.static));
  }

  counts(tile, leg) {
    const gait = ["walking", "stairs up", "stairs down"];
    const sum = (wanted) =>
      Object.entries(leg.steps).reduce((all, [name, count]) => all + (gait.includes(name) === wanted ? count : 0), 0);
    const [steps, others] = [sum(true), sum(false)];
    const parts = [steps || !others ? times(steps, "step") : "", others ? times(others, "rep") : ""];
    put(tile.steps, parts.filter(Boolean).join(", "));
    tile.steps.title = Object.entries(leg.steps).map(([name, count]) => `${name} ${count}`).join(", ");
  }

  name(tile, leg, measure) {
    if (this.measure === "step") return `${IN_STEP[tile.inside ? tile.broken : leg.measure]} · most in the last step`;
    const sd = leg[this.measure][1];
    return `${measure.name} · ${measure.more}${leg.calibrated && sd !== null ? `, ± ${sd.toFixed(1)}°` : ""}`;
  }

  // Where on the gauge inward is too far.
  limits(tile, leg, measure) {
    const limit = measure.limit === undefined ? 2 : leg.limits[measure.limit] / measure.full;
    const place = `${(50 * (1 + Math.min(limit, 2))).toFixed(1)}%`;
    if (tile.limit === place) return;
    tile.limit = place;
    tile.gauge.style.setProperty("--kt-limit", place);
    tile.ends.hidden = measure.limit === undefined;
  }

  words(leg, tile) {
    if (!leg.calibrated) return "Follow the steps above";
    if (tile.inside) return "falling inward";
    return leg.ok ? leg.lastStep : leg.status;
  }
}

function fixed(deg) {
  if (deg === null || deg === undefined) return "";
  const word = deg > 0 ? " valgus (knock-knee)" : deg < 0 ? " varus (bow-leg)" : "";
  return `Standing alignment measured by the clinician: ${Math.abs(deg).toFixed(1)}°${word}. Not part of these angles.`;
}

// A mark for each repetition: a disc for a clean one, a triangle for one in which the knee fell inward.
function fillSet(box, set) {
  const text = JSON.stringify(set);
  if (box.dataset.text === text) return;
  box.dataset.text = text;
  box.replaceChildren();
  if (!set) return;
  const [least, most] = set.asked;
  const asked = least === most ? `${least}` : `${least} to ${most}`;
  const head = box.appendChild(element("div", "kt-set-head"));
  head.append(element("span", "kt-strong", `${set.activity[0].toUpperCase()}${set.activity.slice(1)}, set ${set.number} of ${set.sets[1]}`));
  head.append(element("span", "kt-set-count", `${set.repetitions} of ${asked}${set.over ? ", over" : ""}`));
  const clean = set.repetitions - set.collapsed;
  const marks = box.appendChild(element("div", "kt-marks"));
  for (let i = 0; i < Math.max(set.repetitions, most) && i < 24; i++) {
    marks.append(element("span", i < clean ? "kt-clean" : i < set.repetitions ? "kt-fell" : ""));
    marks.lastChild.setAttribute("aria-hidden", "true");
  }
  marks.append(element("em", "kt-dim", `${clean} clean, ${set.collapsed} inward`));
}

export function fillGuide(root, legs, banner) {
  const guides = legs.filter((leg) => leg.guide);
  const open = guides.filter((leg) => leg.guide.step < 4);
  root.hidden = banner && open.length === 0;
  if (root.hidden) return;
  const step = Math.min(...(open.length ? open : guides).map((leg) => leg.guide.step), 4);
  root.dataset.step = step;
  root.querySelectorAll(".kt-steps li").forEach((item, i) => {
    item.className = i + 1 < step ? "kt-done" : i + 1 === step ? "kt-now" : "";
  });
  // A leg that is further than the other one waits for it. What both have to do is said once.
  const shown = guides.filter((leg) => Math.min(leg.guide.step, 4) === step);
  const alike = shown.length > 1 && shown.every((leg) => leg.guide.title === shown[0].guide.title);
  root.classList.toggle("kt-alike", alike);
  put(root.querySelector(".kt-guide-common"), alike ? shown[0].guide.title + (step === 2 ? ", one leg after the other" : "") : "");
  put(root.querySelector(".kt-guide-common-how"), alike ? shown[0].guide.how : "");
  const box = root.querySelector(".kt-guide-legs");
  while (box.children.length < shown.length) box.append(guideBox());
  while (box.children.length > shown.length) box.lastChild.remove();
  shown.forEach((leg, i) => guideLeg(box.children[i], leg, guides.length > 1, alike));
}

function guideBox() {
  const box = element("div", "kt-guide-leg");
  for (const name of ["title", "how", "bar", "count", "repeat", "quality"]) box.append(element("div", `kt-guide-${name}`));
  box.querySelector(".kt-guide-bar").append(element("span"));
  box.querySelector(".kt-guide-repeat").setAttribute("role", "status");
  return box;
}

function guideLeg(box, leg, both, alike) {
  const guide = leg.guide;
  const part = (name) => box.querySelector(`.kt-guide-${name}`);
  const side = leg.side === "right" ? "Right" : "Left";
  put(part("title"), alike ? side : both ? `${side}: ${guide.title}` : guide.title);
  put(part("how"), alike ? "" : guide.how);
  part("bar").firstChild.style.width = `${100 * guide.done}%`;
  put(part("count"), guide.count);
  put(part("repeat"), guide.repeat);
  put(part("quality"), guide.quality ? `Quality ${guide.quality}: ${guide.detail}` : "");
  box.dataset.quality = guide.quality;
  box.dataset.step = guide.step;
}

export class Episodes {
  constructor(box, none) {
    this.box = box;
    this.none = none;
    this.clear();
  }

  clear() {
    this.seen = new Set();
    this.box.replaceChildren();
    if (this.none) this.none.hidden = false;
  }

  add(episode) {
    const key = `${episode.side} ${episode.start}`;
    if (this.seen.has(key)) return false;
    this.seen.add(key);
    this.none.hidden = true;
    const row = element("div", `kt-episode kt-level-${episode.level}`);
    row.append(element("span", "kt-when", clock(episode.start)));
    const what = row.appendChild(element("span", "kt-what"));
    what.append(element("span", "kt-strong", `${episode.severity}`), `, ${episode.side} leg, ${episode.activity}`);
    const driver = episode.driver.startsWith("cause") ? episode.driver : `probably ${episode.driver}`;
    what.append(element("span", "kt-dim", `${driver}, for ${episode.duration.toFixed(1)} s, knee bent ${plain(episode.flexion)}°`));
    // What broke the rule is the large figure.
    const figures = [["knee", episode.excess], ["lean", episode.collapse]];
    if (episode.measure === "collapse") figures.reverse();
    const size = row.appendChild(element("span", "kt-size"));
    size.append(element("span", "kt-unit-word", `${figures[0][0]} `), `${signed(figures[0][1], 0)}°`);
    size.append(element("span", "kt-dim", `${figures[1][0]} ${signed(figures[1][1], 0)}°`));
    this.box.prepend(row);
    while (this.box.children.length > 200) this.box.lastChild.remove();
    return true;
  }
}

export function fillSensors(box, sensors) {
  while (box.children.length < sensors.length) box.append(element("div", "kt-sensor"));
  while (box.children.length > sensors.length) box.lastChild.remove();
  sensors.forEach((sensor, i) => {
    const facts = [
      [sensor.driver, false],
      [sensor.rate === null ? "no data yet" : `${sensor.rate} Hz`, sensor.rate !== null && sensor.rate < 57],
      [sensor.battery === null ? "battery unknown" : `battery ${sensor.battery} %`, sensor.battery !== null && sensor.battery < 20],
      [`${sensor.loss.toFixed(1)} % lost`, sensor.loss > 3],
      [sensor.signal, sensor.signal.includes("weak")],
      [sensor.calibration, false],
    ];
    const text = [sensor.name, sensor.state, ...facts.flat()].join("|");
    const row = box.children[i];
    if (row.dataset.text === text) return;
    row.dataset.text = text;
    row.className = `kt-sensor${sensor.state === "connected" ? "" : " kt-bad"}`;
    const head = element("div", "kt-sensor-head");
    head.append(element("span", "kt-strong", sensor.name[0].toUpperCase() + sensor.name.slice(1)), element("span", "kt-pill", sensor.state));
    const list = element("div", "kt-facts-line");
    for (const [words, low] of facts) list.append(element("span", low ? "kt-low" : "", words));
    row.replaceChildren(head, list);
  });
}
