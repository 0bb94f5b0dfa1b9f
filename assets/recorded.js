// A recorded request in the view that a live one has, with a hand on its time. Nothing is asked of a server.

import { offerCharts } from "./exports.js";
import { readPlace, writePlace } from "./link.js";
import { Player } from "./player.js";

const CHARTS_MS = 150; // between two drawings of the charts while time runs

export class Recorded {
  // `view` is the page's View; the player stands above its lane.
  constructor(view) {
    this.view = view;
    this.moments = [];
    this.steps = [];
    const bar = document.createElement("div");
    bar.className = "e3-player";
    bar.hidden = true;
    view.find("tools").after(bar);
    this.player = new Player(bar, (number) => this.showSteps(number));
    offerCharts(view.root);
    for (const event of ["click", "keydown"]) view.find("lane").addEventListener(event, () => this.keepPlace());
  }

  // `request`: {request_id, num_speculative_tokens, pieces, events, moments}
  open(request) {
    const { view } = this;
    view.leave();
    this.request = request;
    this.moments = request.moments;
    view.lane.clear();
    view.ending = null;
    view.complain(null);
    view.charts.clear(request.num_speculative_tokens);
    view.append([{ type: "pieces", pieces: request.pieces }, ...request.events]);
    this.steps = Array.from(view.find("lane").querySelectorAll(".e3-step"));
    this.shown = this.steps.length;
    this.player.load(request.events.filter(({ type }) => type === "step").map(({ t_ms: time }) => time));
    view.end(null);
    for (const name of ["save", "report"]) view.find(name).hidden = true;
    view.find("lane").scrollTop = 0;
    this.goTo(readPlace().step);
  }

  close() {
    this.request = null;
    this.steps = [];
    this.moments = [];
    this.player.pause();
    this.player.root.hidden = true;
  }

  // Steps behind the moment are hidden, not taken out: going back and forth costs only the difference.
  showSteps(number) {
    const [from, to] = [Math.min(this.shown, number), Math.max(this.shown, number)];
    for (const step of this.steps.slice(from, to)) step.classList.toggle("later", number < this.shown);
    this.shown = number;
    if (number < this.steps.length) this.steps[number - 1]?.scrollIntoView({ block: "nearest" });
    clearTimeout(this.drawing);
    const since = performance.now() - (this.drawn ?? -Infinity);
    if (since >= CHARTS_MS) return this.draw();
    this.drawing = setTimeout(() => this.draw(), CHARTS_MS - since);
  }

  draw() {
    this.drawn = performance.now();
    const moments = this.moments.slice(0, this.shown);
    const now = moments.at(-1);
    if (!now) return this.drawNothing();
    const lengths = moments.map((moment) => moment.mean_acceptance_length);
    return this.view.figures({ ...now, first: 0, mean_acceptance_lengths: lengths });
  }

  drawNothing() {
    this.view.charts.clear(this.request?.num_speculative_tokens);
    this.view.find("words").textContent = "Before the first step";
    this.view.find("pace").textContent = "";
  }

  // Selects the first token of a step, counted from 1.
  goTo(step) {
    const { lane } = this.view;
    const index = lane.tokens.findIndex((token) => token.step.index === Number(step) - 1);
    if (index >= 0) lane.choose(index);
  }

  keepPlace() {
    const { lane } = this.view;
    const token = lane.tokens[lane.selected];
    if (token && this.request) writePlace({ step: token.step.index + 1, request: this.request.request_id });
  }
}
