// The parts of the page that change four times a second: the legs' figures, the guide, episodes, sensors.

export const find = (name) => document.querySelector(`.${name}`);

// step: the last step's largest inward angle while loaded; in an episode, the largest so far. The others follow the knee.
const MEASURES = {
  step: { name: "Knee inward", more: "most in the last step", key: "x", full: 15 },
  excess: { name: "Knee inward now", more: "beyond your own straight path", key: "x", full: 15 },
  collapse: { name: "Leg leans inward now", more: "medial collapse", key: "c", full: 20 },
  flexion: { name: "Knee bend now", more: "flexion", key: "f", full: 120 },
};

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
    const value = leg[measure.key].at(-1) ?? null;
    tile.share = value === null ? 0 : Math.max(-1, Math.min(1, value / measure.full));
    if (tile.inside && value !== null) tile.most = Math.max(tile.most, value);
    if (this.measure !== "step") this.figure(tile, value);
    else if (tile.inside) this.figure(tile, tile.most);
  }

  // With the picture: the needles.
  draw() {
    for (const tile of Object.values(this.tiles)) {
      const place = Math.round((tile.gauge.wide ??= tile.gauge.clientWidth) * 0.49 * (tile.share ?? 0));
      if (place === tile.place) continue;
      tile.place = place;
      tile.needle.style.transform = `translateX(${place}px)`;
    }
  }

  alarm(side, on) {
    const tile = this.tiles[side];
    if (!tile) return;
    tile.inside = on;
    tile.most = -90;
    tile.root.classList.toggle("kt-in", on);
    if (on) put(tile.state, "falling inward");
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
    const head = element("div", "kt-tile-head");
    head.append(element("span", "kt-side", `${side === "right" ? "Right" : "Left"} leg`));
    const activity = head.appendChild(element("span", "kt-activity"));
    const steps = head.appendChild(element("span", "kt-steps-now"));
    const big = element("button", "kt-big");
    big.type = "button";
    big.title = "Tap for another measure";
    const name = big.appendChild(element("span", "kt-measure"));
    const figure = big.appendChild(element("span", "kt-figure"));
    const value = figure.appendChild(element("span", "kt-value", "–"));
    figure.append(element("span", "kt-unit", "°"));
    const state = big.appendChild(element("span", "kt-state"));
    const gauge = root.appendChild(element("div", "kt-gauge"));
    gauge.append(element("span", "kt-zero"));
    const needle = gauge.appendChild(element("span", "kt-needle"));
    const three = element("div", "kt-three");
    const angles = {};
    for (const [key, words] of [["flexion", "Bend"], ["abduction", "Inward +"], ["rotation", "Twist in +"]]) {
      const one = three.appendChild(element("div"));
      one.append(element("span", "kt-dim", words));
      angles[key] = one.appendChild(element("span", "kt-number"));
      angles[`${key}Spread`] = one.appendChild(element("span", "kt-dim"));
    }
    root.append(head, big, gauge, three);
    this.box.append(root);
    big.addEventListener("click", () => {
      const names = Object.keys(MEASURES);
      this.measure = names[(names.indexOf(this.measure) + 1) % names.length];
      localStorage.setItem("kt-measure", this.measure);
      this.fill(this.shown);
    });
    return { root, activity, steps, name, value, state, needle, angles, gauge, at: 0, inside: false, most: -90 };
  }

  one(tile, leg) {
    const measure = MEASURES[this.measure];
    tile.calibrated = leg.calibrated;
    if (leg.inEpisode !== tile.inside) this.alarm(leg.side, leg.inEpisode);
    tile.root.classList.toggle("kt-unsure", !leg.ok);
    tile.root.classList.toggle("kt-doubt", leg.calibrated && !leg.ok);
    tile.root.classList.toggle("kt-idle", !leg.calibrated);
    tile.root.dataset.last = leg.lastStep;
    put(tile.activity, leg.calibrated ? leg.activity : "calibrating");
    const all = Object.values(leg.steps).reduce((sum, count) => sum + count, 0);
    put(tile.steps, `${all} ${all === 1 ? "step" : "steps"}`);
    tile.steps.title = Object.entries(leg.steps).map(([name, count]) => `${name} ${count}`).join(", ");
    const sd = this.measure === "step" ? null : leg[this.measure][1];
    put(tile.name, `${measure.name} · ${measure.more}${leg.calibrated && sd !== null ? `, ± ${sd.toFixed(1)}°` : ""}`);
    if (!(this.measure === "step" && tile.inside)) {
      tile.at = 0;
      this.figure(tile, !leg.calibrated ? null : this.measure === "step" ? leg.peak : leg[this.measure][0]);
    }
    put(tile.state, this.words(leg));
    for (const key of ["flexion", "abduction", "rotation"]) {
      const [value, spread] = leg[key];
      put(tile.angles[key], value === null ? "–" : `${key === "flexion" ? plain(value) : signed(value, 1)}°`);
      put(tile.angles[`${key}Spread`], spread === null ? "" : `± ${spread.toFixed(1)}°`);
    }
  }

  words(leg) {
    if (!leg.calibrated) return "calibrate first";
    if (leg.inEpisode) return "falling inward";
    return leg.ok ? leg.lastStep : leg.status;
  }
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
  // A leg that is further than the other one waits for it.
  const shown = guides.filter((leg) => Math.min(leg.guide.step, 4) === step);
  const box = root.querySelector(".kt-guide-legs");
  while (box.children.length < shown.length) box.append(guideBox());
  while (box.children.length > shown.length) box.lastChild.remove();
  shown.forEach((leg, i) => guideLeg(box.children[i], leg, guides.length > 1));
}

function guideBox() {
  const box = element("div", "kt-guide-leg");
  for (const name of ["title", "how", "bar", "count", "repeat", "quality"]) box.append(element("div", `kt-guide-${name}`));
  box.querySelector(".kt-guide-bar").append(element("span"));
  box.querySelector(".kt-guide-repeat").setAttribute("role", "status");
  return box;
}

function guideLeg(box, leg, both) {
  const guide = leg.guide;
  const part = (name) => box.querySelector(`.kt-guide-${name}`);
  put(part("title"), both ? `${leg.side === "right" ? "Right" : "Left"}: ${guide.title}` : guide.title);
  put(part("how"), guide.how);
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
    if (this.seen.has(key)) return;
    this.seen.add(key);
    this.none.hidden = true;
    const row = element("div", `kt-episode kt-level-${episode.level}`);
    row.append(element("span", "kt-when", clock(episode.start)));
    const what = row.appendChild(element("span", "kt-what"));
    what.append(element("span", "kt-strong", `${episode.severity}`), `, ${episode.side} leg, ${episode.activity}`);
    what.append(element("span", "kt-dim", `${episode.driver}, for ${episode.duration.toFixed(1)} s, knee bent ${plain(episode.flexion)}°`));
    const size = row.appendChild(element("span", "kt-size", `${signed(episode.excess, 0)}°`));
    size.append(element("span", "kt-dim", `lean ${signed(episode.collapse, 0)}°`));
    this.box.prepend(row);
    while (this.box.children.length > 200) this.box.lastChild.remove();
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
    head.append(element("span", "kt-strong", sensor.name), element("span", "kt-pill", sensor.state));
    const list = element("div", "kt-facts-line");
    for (const [words, low] of facts) list.append(element("span", low ? "kt-low" : "", words));
    row.replaceChildren(head, list);
  });
}
