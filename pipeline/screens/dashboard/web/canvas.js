// A canvas that is as sharp as the screen, and the colours of the page for drawing.

// Its size is watched, not asked for at each picture, which would have the browser lay out the page each time.
export class Sheet {
  constructor(canvas, changed) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.width = this.height = 0;
    new ResizeObserver(() => {
      this.stale = true;
      changed();
    }).observe(canvas);
    this.stale = true;
  }

  // Empty, in CSS pixels; false where there is no room.
  begin() {
    if (this.stale) {
      this.stale = false;
      const ratio = Math.min(window.devicePixelRatio || 1, 2);
      this.width = this.canvas.clientWidth;
      this.height = this.canvas.clientHeight;
      this.canvas.width = Math.max(1, Math.round(this.width * ratio));
      this.canvas.height = Math.max(1, Math.round(this.height * ratio));
      this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
    } else this.context.clearRect(0, 0, this.width, this.height);
    return this.width >= 50;
  }
}

let known = null;

export function colours() {
  if (!known) {
    const style = getComputedStyle(document.body);
    const read = (name) => style.getPropertyValue(`--kt-${name}`).trim();
    known = {};
    for (const name of ["ink", "dim", "line", "card", "left", "right", "alarm", "skin", "sensor", "strap", "shoe"]) {
      known[name] = read(name);
    }
  }
  return known;
}

export function forgetColours() {
  known = null;
}
