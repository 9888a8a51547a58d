// A canvas that is as sharp as the screen, and the colours of the page for drawing.

export function fitted(canvas) {
  const box = canvas.getBoundingClientRect();
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const width = Math.max(1, Math.round(box.width * ratio));
  const height = Math.max(1, Math.round(box.height * ratio));
  if (canvas.width !== width || canvas.height !== height) {
    canvas.width = width;
    canvas.height = height;
  }
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, box.width, box.height);
  return { context, width: box.width, height: box.height };
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
