// Follows one run: events once each, gathered until the browser is about to paint.

export class RunStream {
  // handlers: events(list), queue(how many runs go before it, null when its turn has come), notice(text),
  // connection(lost), end(problem, name under which it is saved)
  constructor(url, handlers) {
    this.handlers = handlers;
    this.waiting = [];
    this.frame = null;
    this.source = new EventSource(url);
    this.source.onopen = () => handlers.connection(false);
    this.source.onmessage = (message) => this.take(JSON.parse(message.data));
    this.source.addEventListener("queue", (message) => handlers.queue(JSON.parse(message.data)));
    this.source.addEventListener("notice", (message) => handlers.notice(JSON.parse(message.data)));
    this.source.addEventListener("end", (message) => this.end(JSON.parse(message.data)));
    this.source.onerror = () => this.broken();
  }

  close() {
    this.source.close();
    cancelAnimationFrame(this.frame);
    this.frame = null;
  }

  take(events) {
    this.waiting.push(...events);
    this.frame ??= requestAnimationFrame(() => this.flush());
  }

  flush() {
    this.frame = null;
    const { waiting } = this;
    this.waiting = [];
    if (waiting.length) this.handlers.events(waiting);
  }

  end({ problem, saved }) {
    this.close();
    this.flush();
    this.handlers.end(problem, saved);
  }

  broken() {
    if (this.source.readyState !== EventSource.CLOSED) return this.handlers.connection(true); // it tries again by itself
    this.end({ problem: "The server does not know this run any more. Press Generate to run it again." });
  }
}
