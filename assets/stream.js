// Follows one run: events once each, gathered until the browser is about to paint, and figures as they come.

export class RunStream {
  // handlers: events(list), summary(figures), connection(lost), end(problem)
  constructor(url, handlers) {
    this.handlers = handlers;
    this.waiting = [];
    this.figures = null;
    this.frame = null;
    this.source = new EventSource(url);
    this.source.onopen = () => handlers.connection(false);
    this.source.onmessage = (message) => this.take(() => this.waiting.push(...JSON.parse(message.data)));
    this.source.addEventListener("summary", (message) => this.take(() => this.figure(JSON.parse(message.data))));
    this.source.addEventListener("end", (message) => this.end(JSON.parse(message.data).problem));
    this.source.onerror = () => this.broken();
  }

  close() {
    this.source.close();
    cancelAnimationFrame(this.frame);
    this.frame = null;
  }

  take(store) {
    store();
    this.frame ??= requestAnimationFrame(() => this.flush());
  }

  // Several summaries may come between two paints; each holds only the newest part of the series.
  figure(summary) {
    const held = this.figures;
    if (held && summary.first === held.first + held.mean_acceptance_lengths.length) {
      summary.mean_acceptance_lengths = [...held.mean_acceptance_lengths, ...summary.mean_acceptance_lengths];
      summary.first = held.first;
    }
    this.figures = summary;
  }

  flush() {
    this.frame = null;
    const { waiting, figures } = this;
    this.waiting = [];
    this.figures = null;
    if (waiting.length) this.handlers.events(waiting);
    if (figures) this.handlers.summary(figures);
  }

  end(problem) {
    this.close();
    this.flush();
    this.handlers.end(problem);
  }

  broken() {
    if (this.source.readyState !== EventSource.CLOSED) return this.handlers.connection(true); // it tries again by itself
    this.end("The server does not know this run any more. Press Generate to run it again.");
  }
}
