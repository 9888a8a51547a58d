// Sound and flash. Browsers let a page sound only after the person has touched it once. Flashes keep half a second's
// distance, two a second at most: more than three can harm people with photosensitive epilepsy (WCAG 2.2, 2.3.1). Who
// asked for less motion gets a frame instead.

const TONE_S = 0.16;
const FLASH_MS = 600;
const REST_MS = 500;
const PITCH_HZ = { right: 880, left: 660 };

export class Cue {
  constructor(flash, button, hint) {
    this.flash = flash;
    this.button = button;
    this.hint = hint;
    this.context = null;
    this.wanted = localStorage.getItem("kt-sound") !== "off";
    this.told = [];
    this.flashed = -REST_MS;
    this.flashes = 0;
    document.addEventListener("pointerdown", () => this.wake(), { passive: true });
    document.addEventListener("keydown", () => this.wake());
    button?.addEventListener("click", () => {
      this.wanted = !(this.wanted && this.sounding);
      localStorage.setItem("kt-sound", this.wanted ? "on" : "off");
      this.wake();
      this.show();
    });
    this.show();
  }

  get sounding() {
    return this.context?.state === "running";
  }

  wake() {
    if (!this.wanted) return;
    if (!this.context) {
      this.context = new AudioContext({ latencyHint: "interactive" });
      this.context.onstatechange = () => this.show();
    }
    if (this.context.state !== "running") this.context.resume();
    this.show();
  }

  show() {
    const icon = this.button?.querySelector(".q-icon");
    if (icon) icon.textContent = this.wanted && this.sounding ? "volume_up" : "volume_off";
    this.button?.setAttribute("aria-pressed", String(this.wanted && this.sounding));
    this.button?.classList.toggle("kt-asks", this.wanted && !this.sounding);
    if (this.hint) this.hint.hidden = !this.wanted || this.sounding;
  }

  // message: the cue as the session raised it; null to try. came: when it arrived, on the page's clock.
  give(message, came) {
    const side = message?.side ?? "right";
    const latency = this.sound(side);
    this.shine(side);
    if (!message) return;
    const since = () => performance.timeOrigin + performance.now() - message.raised;
    const told = { ...message, sound: latency, came: performance.timeOrigin + came - message.raised, delay: since() };
    this.told.push(told);
    if (this.told.length > 200) this.told.shift();
    // The frame after this one is on the screen.
    requestAnimationFrame(() => {
      told.framed = since();
      requestAnimationFrame(() => (told.painted = since()));
    });
  }

  // Only the opacity moves, which the browser does without drawing anything again.
  shine(side) {
    const now = performance.now();
    if (now - this.flashed < REST_MS) return;
    this.flashed = now;
    this.flashes++;
    this.flash.textContent = `${side === "right" ? "Right" : "Left"} knee`;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.flash.classList.toggle("kt-calm", calm);
    const shades = calm ? [{ opacity: 1 }, { opacity: 1 }] : [{ opacity: 0.85 }, { opacity: 0 }];
    this.flash.animate(shades, { duration: FLASH_MS, easing: "ease-in" });
  }

  // The time until it is heard as the browser knows it, ms; null where nothing sounds.
  sound(side) {
    if (!this.wanted || !this.sounding) return null;
    const now = this.context.currentTime;
    const tone = this.context.createOscillator();
    const volume = this.context.createGain();
    tone.frequency.value = PITCH_HZ[side];
    tone.type = "triangle";
    volume.gain.setValueAtTime(0.6, now);
    volume.gain.exponentialRampToValueAtTime(0.001, now + TONE_S);
    tone.connect(volume).connect(this.context.destination);
    tone.start(now);
    tone.stop(now + TONE_S);
    return 1e3 * ((this.context.baseLatency || 0) + (this.context.outputLatency || 0));
  }
}
