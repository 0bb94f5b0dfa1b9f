// A recorded request in the view that a live one has. Nothing is asked of a server.

import { offerCharts } from "./exports.js";
import { readPlace, writePlace } from "./link.js";

export class Recorded {
  // `view` is the page's View.
  constructor(view) {
    this.view = view;
    offerCharts(view.root);
    for (const event of ["click", "keydown"]) view.find("lane").addEventListener(event, () => this.keepPlace());
  }

  // `request`: {request_id, engine, pieces, events}
  open(request) {
    const { view } = this;
    view.leave();
    this.request = request;
    view.explorer.clear();
    view.explorer.inspector.branch = null; // a file has no engine
    view.ending = null;
    view.append([{ type: "trace_started", engine: request.engine }, { type: "pieces", pieces: request.pieces }, ...request.events]);
    view.end(null);
    for (const name of ["save", "report"]) view.find(name).hidden = true;
    view.find("lane").scrollTop = 0;
    this.goTo(readPlace().step);
  }

  close() {
    this.request = null;
  }

  // Selects the first token of a step, counted from 1.
  goTo(step) {
    const { lane } = this.view.explorer;
    const index = lane.tokens.findIndex((token) => token.step.index === Number(step) - 1);
    if (index >= 0) lane.choose(index);
  }

  keepPlace() {
    const { lane } = this.view.explorer;
    const token = lane.tokens[lane.selected];
    if (token) writePlace({ step: token.step.index + 1, ...(this.request && { request: this.request.request_id }) });
  }
}
