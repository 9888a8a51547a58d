// The stream of a session over a web socket. Each message is a list of frames and is acknowledged when it was dealt
// with, so that the server never sends faster than this page can follow.

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
      try {
        for (const frame of frames) this.take(frame);
      } finally {
        if (this.socket.readyState === WebSocket.OPEN) this.socket.send("ok");
      }
    };
    this.socket.onopen = () => this.linked(true);
    this.socket.onclose = () => {
      this.linked(false);
      setTimeout(() => this.open(), WAITS_MS[Math.min(this.failures++, WAITS_MS.length - 1)]);
    };
  }

  command(fields) {
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(fields));
  }
}
