// The stream of a session over a web socket. Each message is a list of frames and is acknowledged when it was dealt
// with, so that the server never sends faster than this page can follow.

const FULL = 4008;
const WAITS_MS = [300, 600, 1200, 2500, 5000];

export class Stream {
  constructor(take, linked) {
    this.take = take;
    this.linked = linked;
    this.failures = 0;
    this.open();
  }

  open() {
    this.socket = new WebSocket(`ws://${location.host}/stream`);
    this.socket.onmessage = (event) => {
      this.came = performance.now();
      this.failures = 0;
      const frames = JSON.parse(event.data);
      for (const frame of frames) {
        try {
          this.take(frame);
        } catch (error) {
          // One frame that cannot be shown does not take the others with it.
          console.error(error);
        }
      }
      if (this.socket.readyState === WebSocket.OPEN) this.socket.send("ok");
    };
    this.socket.onopen = () => this.linked(true);
    this.socket.onclose = (event) => {
      this.linked(false, event.code === FULL);
      setTimeout(() => this.open(), WAITS_MS[Math.min(this.failures++, WAITS_MS.length - 1)]);
    };
  }

  command(fields) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(fields));
  }
}
