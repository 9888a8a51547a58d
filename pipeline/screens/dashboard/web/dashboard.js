// The page's entry: waits for the elements, opens the stream, and hands each frame to the parts that show it. What moves
// is redrawn once for each picture of the screen in which something new has come.

import { forgetColours } from "./canvas.js";
import { Cue } from "./cue.js";
import { Leg } from "./leg.js";
import { clock, Episodes, fillGuide, fillSensors, find, Legs } from "./parts.js";
import { Stream } from "./stream.js";
import { Traces } from "./traces.js";

const REST_MS = 28;
// A cue has the screen to itself for so long.
const CALM_MS = 60;
const AWAY = "No connection to the computer that runs the session: buttons have no effect until it is back. Trying again ...";
const MANY = "Too many pages are open on this session: close one elsewhere, and this one goes on by itself.";
const OVER = "This page is no longer connected: begin anew on the computer.";
const page = { redraws: 0, frames: 0, rows: 0, cues: [], role: "", linked: false };
window.kneetrack = page;

function start() {
  const traces = find("kt-traces") && new Traces(find("kt-traces"), redraw);
  const leg = find("kt-leg") && new Leg(find("kt-leg"), redraw);
  const legs = find("kt-legs") && new Legs(find("kt-legs"));
  const episodes = find("kt-episodes") && new Episodes(find("kt-episodes"), find("kt-none"));
  const guide = find("kt-guide");
  const cue = new Cue(find("kt-flash"), find("kt-sound"), find("kt-hint"));
  page.cue = cue;
  page.cues = cue.told;
  page.traces = traces;
  page.leg = leg;
  const calibrating = document.querySelector('[data-page="calibration"]') !== null;
  let asked = false;
  let drawn = 0;
  let calm = 0;

  // Draws while something moves, some thirty times a second, and rests when nothing does. A timer before the browser's
  // next picture: asking for every picture and skipping each other one costs the browser as much as drawing it.
  function redraw() {
    if (asked || !(traces || leg)) return;
    asked = true;
    wait();
  }

  function wait() {
    const now = performance.now();
    setTimeout(() => requestAnimationFrame(picture), Math.max(0, drawn + REST_MS - now, calm - now));
  }

  function picture() {
    const now = performance.now();
    if (now < calm) return wait();
    const seconds = Math.min(0.5, (now - drawn) / 1000);
    drawn = now;
    const moved = [traces?.advance(seconds), leg?.advance(seconds)];
    traces?.draw();
    leg?.draw();
    legs?.draw();
    page.redraws++;
    if (moved.some(Boolean)) wait();
    else asked = false;
  }

  const takes = {
    hello: (frame) => (page.role = frame.role),
    begin: (frame) => {
      document.body.classList.toggle("kt-replay", frame.replay);
      document.body.classList.toggle("kt-calibrates", frame.calibrates === true);
      if (find("kt-stop")) label(find("kt-stop")).textContent = frame.replay ? "Stop the replay" : "Stop and save";
      traces?.clear();
      leg?.clear();
      episodes?.clear();
      ended(null);
    },
    rows: (frame) => {
      for (const one of frame.legs) {
        traces?.add(one);
        leg?.add(one);
        legs?.angles(one);
        page.rows += one.f.length;
      }
      redraw();
    },
    state: (frame) => {
      page.state = frame;
      const limit = frame.limit === null ? "" : ` of ${clock(frame.limit)}`;
      find("kt-elapsed").textContent = clock(frame.elapsed) + limit;
      problem(frame.problems);
      place("");
      legs?.fill(frame.legs);
      if (guide) fillGuide(guide, frame.legs, guide.classList.contains("kt-banner"));
      if (find("kt-sensors")) fillSensors(find("kt-sensors"), frame.sensors);
      key(frame.legs);
      cueNow(frame.cue);
      canSave(frame.legs);
    },
    episode_start: (frame) => {
      traces?.begin(frame);
      legs?.alarm(frame.side, true, frame.measure);
      say(`${frame.side} knee falls inward`);
    },
    episode_end: (frame) => {
      traces?.end(frame);
      legs?.alarm(frame.side, false);
    },
    episode: (frame) => {
      if (episodes?.add(frame)) say(`${frame.side} knee fell inward: ${frame.severity}, ${frame.activity}`);
    },
    cue: (frame) => {
      // Who is being calibrated follows the guide alone.
      if (calibrating) return;
      calm = performance.now() + CALM_MS;
      cue.give(frame, stream.came);
    },
    place: (frame) => place(frame.text, frame.repeat),
    saved: (frame) => ended(frame),
  };

  const stream = new Stream(
    (frame) => {
      page.frames++;
      takes[frame.kind]?.(frame);
    },
    (linked, full) => {
      page.linked = linked;
      document.body.classList.toggle("kt-away", !linked);
      if (!linked) problem([full ? MANY : page.over ? `${page.words} ${OVER}` : AWAY]);
      else if (!page.state) problem([]);
      const link = find("kt-report");
      if (link && page.report) link.href = linked ? "/report" : page.report;
    },
  );

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-do]");
    if (!button) return;
    const kind = button.dataset.do;
    stream.command({ kind, label: "mark" });
    if (kind === "mark" || kind === "save") said(button, kind === "mark" ? "Marked" : "Saved");
  });
  find("kt-cue")?.addEventListener("change", (event) => stream.command({ kind: "cue", mode: event.target.value }));
  find("kt-try")?.addEventListener("click", () => {
    cue.wake();
    setTimeout(() => cue.give(null), 60);
  });
  find("kt-theme").addEventListener("click", () => {
    const dark = !document.body.classList.contains("body--dark");
    localStorage.setItem("kt-theme", dark ? "dark" : "light");
    theme();
  });
  new MutationObserver(() => {
    forgetColours();
    traces?.repaint();
    redraw();
  }).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  theme();
  redraw();

  function theme() {
    const chosen = localStorage.getItem("kt-theme");
    if (chosen) Quasar.Dark.set(chosen === "dark");
  }
}

// To a screen reader.
function say(text) {
  const box = find("kt-said");
  if (box) box.textContent = text;
}

function problem(lines) {
  const box = find("kt-problem");
  const mark = lines.length > 1 ? "\u2022 " : "";
  const text = lines.map((line) => mark + line[0].toUpperCase() + line.slice(1)).join("\n");
  box.hidden = !text;
  if (box.textContent !== text) box.textContent = text;
}

// While sensors are looked for or told apart there is no state yet.
function place(text, repeat) {
  const box = find("kt-place-text") ?? find("kt-legs") ?? find("kt-guide-legs");
  if (text) {
    box.replaceChildren(Object.assign(document.createElement("div"), { className: "kt-waiting", textContent: text }));
    if (repeat) box.append(Object.assign(document.createElement("div"), { className: "kt-guide-repeat", textContent: repeat }));
  } else if (box.querySelector(":scope > .kt-waiting")) box.replaceChildren();
}

function key(legs) {
  const box = find("kt-key");
  if (!box || box.children.length === legs.length + 1) return;
  box.replaceChildren();
  for (const [name, words] of [...legs.map((leg) => [leg.side, `${leg.side} leg`]), ["alarm", "fell inward"]]) {
    const item = document.createElement("span");
    item.className = `kt-key-${name}`;
    item.textContent = words;
    box.append(item);
  }
}

function cueNow(cue) {
  const choice = find("kt-cue");
  if (choice && document.activeElement !== choice) choice.value = cue.mode;
  const words = { off: "No cue", every: "At every episode", marked: "At marked ones only", fading: "Less and less often" };
  if (find("kt-cue-now")) find("kt-cue-now").textContent = words[cue.mode];
  const share = find("kt-cue-share");
  if (share) share.textContent = cue.mode === "fading" ? `Now on ${Math.round(100 * cue.share)} % of the falls inward.` : "";
}

// A calibration can be saved once there is one.
function canSave(legs) {
  const button = find("kt-save");
  if (button) button.hidden = !legs.some((leg) => leg.calibrated);
}

function ended(frame) {
  page.over = frame !== null;
  page.words = frame?.words ?? "";
  const box = find("kt-saved");
  if (box) {
    box.hidden = !page.over;
    box.querySelector(".kt-h2").textContent = page.words;
    box.querySelector(".kt-where").textContent = frame?.where ?? "";
    box.querySelector(".kt-report").hidden = !frame?.report;
    keepReport(box.querySelector(".kt-report"), frame?.report);
  }
  document.body.classList.toggle("kt-over", page.over);
  for (const [name, hidden] of [["kt-stop", page.over], ["kt-mark", page.over], ["kt-start", !(page.over && frame.again)]]) {
    if (find(name)) find(name).hidden = hidden;
  }
}

// The report is fetched at once, for the computer may end its programme: then the copy is opened.
async function keepReport(link, written) {
  if (page.report) URL.revokeObjectURL(page.report);
  page.report = null;
  link.classList.remove("kt-kept");
  link.href = "/report";
  if (!written) return;
  try {
    const answer = await fetch("/report");
    if (answer.ok) page.report = URL.createObjectURL(await answer.blob());
    link.classList.toggle("kt-kept", page.report !== null);
    if (!page.linked && page.report) link.href = page.report;
  } catch {
    // It has gone already.
  }
}

function label(button) {
  return button.querySelector(".q-btn__content .block") ?? button;
}

function said(button, words) {
  const before = (button.dataset.words ??= label(button).textContent);
  label(button).textContent = words;
  clearTimeout(button.timer);
  button.timer = setTimeout(() => (label(button).textContent = before), 1200);
}

// The elements are made by another script, after this one may have run.
function whenReady() {
  if (find("kt-theme") && find("kt-flash") && window.Quasar) start();
  else setTimeout(whenReady, 20);
}
whenReady();
