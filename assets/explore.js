// One run to look at: its lane, a token's details, the charts, and the tools that recolour, filter, select and scrub.
// Everything here happens in the browser; where the events come from is somebody else's business.

import { Charts, lengthFilter, positionFilter } from "./charts.js";
import { Compare } from "./compare.js";
import { declareGlyphs, MODES, scale } from "./colours.js";
import { factsOf } from "./failures.js";
import { Figures } from "./figures.js";
import { Inspector } from "./inspector.js";
import { Lane } from "./lanes.js";
import { picture, said } from "./pictures.js";
import { Answer } from "./places.js";
import { Player } from "./player.js";
import { REFERENCES } from "./reference.js";
import { Why } from "./why.js";
import { headline, summary } from "./words.js";

const DEFAULT_K = 3;
const LIVE_RESTS = 8; // see Charts.show: while tokens come, they go first

export class Explorer {
  constructor(root, plotlyUrl) {
    this.find = (name) => root.querySelector(`.e3-${name}`);
    this.inspector = new Inspector(this.find("inspector"), (index) => this.choose(index));
    this.lane = new Lane(this.find("lane"), {
      point: (token) => this.point(token),
      select: (token, index) => this.inspector.show(token, this.lane?.pieces, index),
      stretch: (range) => this.stretch(range),
    });
    this.charts = new Charts(root, plotlyUrl, (filter) => this.filter(filter));
    this.why = new Why(root.querySelector("figure.e3-why"), {
      filter: (text, fits) => this.filter({ text, keeps: ({ index }) => this.rejectedWhere(index, fits) }),
      go: (step) => this.lane.chooseRejected(step),
      pieces: () => this.lane.pieces,
    });
    this.player = new Player(this.find("player"), (shown) => this.scrub(shown));
    this.compare = new Compare(root, () => this.material());
    this.find("ghosts").addEventListener("change", (event) => this.lane.setGhosts(event.target.value));
    this.find("mode").addEventListener("change", (event) => this.recolour(event.target.value));
    this.find("steps").addEventListener("change", ({ target }) => this.filter(this.filters[target.selectedIndex]));
    for (const [name, undo] of [["chip", () => this.filter(null)], ["range", () => { this.lane.anchor = null; this.stretch(null); }]]) {
      this.find(name).addEventListener("click", () => {
        undo();
        this.find("lane").focus({ preventScroll: true }); // the button is gone
      });
    }
    for (const [name, mode] of Object.entries(MODES)) this.find("mode").append(new Option(mode.name, name));
    declareGlyphs(document.body.style);
    this.offerReferences();
    this.clear();
  }

  clear() {
    this.steps = [];
    this.started = null;
    this.compare.close();
    this.find("pair-open").hidden = true;
    this.facts = new Map(); // by the step's index
    this.pairs = []; // [step, facts] for the figures
    this.answer = new Answer({});
    this.begin(DEFAULT_K);
    this.lane.clear();
    this.find("asked").hidden = true;
    this.find("parent").hidden = true;
    this.player.load([]);
    this.stretch(null);
  }

  append(events) {
    this.lane.learn(events);
    for (const event of events) {
      if (event.type === "trace_started") {
        this.engine = event.engine;
        this.begin(event.engine.num_speculative_tokens);
      }
      if (event.type === "request_started") this.ask(event);
      if (event.type === "step") {
        this.steps.push(event);
        this.facts.set(event.index, factsOf(event, this.answer, this.lane.pieces));
        this.pairs.push([event, this.facts.get(event.index)]);
        this.figures.add(...this.pairs.at(-1));
      }
    }
    if (!this.selected) this.show(this.figures, LIVE_RESTS);
    this.lane.append(events); // last: it settles the page's layout, and its filter may ask for a step's facts
    this.tellKept();
  }

  // A prompt with images is shown with them, beside its tokens.
  ask(started) {
    this.started = started;
    this.answer = new Answer(started);
    const images = started.images ?? [];
    this.find("asked").hidden = !images.length;
    this.find("parent").hidden = !started.parent;
    if (started.parent) this.find("parent").textContent = `Continued from token ${started.parent.output_position + 1} of another run, with another token there.`;
    this.find("pictures").replaceChildren(...images.map((image, i) => picture(image, `Image ${i + 1} of the prompt`)));
    this.find("said").textContent = images.length ? said(started) : "";
  }

  // Whether a step has a rejection, and one that fits.
  rejectedWhere(index, fits) {
    const { rejection, places } = this.facts.get(index);
    return Boolean(rejection && fits(rejection, places.at(-1)));
  }

  show(figures, rests) {
    this.charts.show(figures, rests);
    this.why.show(figures);
    this.find("words").textContent = figures.numPasses ? headline(figures) : "Before the first step";
    this.find("pace").textContent = figures.numPasses ? `${figures.tokensPerPass.toFixed(2)} tokens per pass` : "";
  }

  begin(k) {
    this.k = k;
    this.filters = [null, ...Array.from({ length: k + 1 }, (_, length) => lengthFilter(length)), ...Array.from({ length: k }, (_, position) => positionFilter(position))];
    this.find("steps").replaceChildren(...this.filters.map((filter) => new Option(filter?.text ?? "all")));
    this.figures = new Figures(k);
    this.played = new Figures(k); // of the steps that the player shows
    this.filter(null);
  }

  // The run as far as it is here; null before its first step.
  material() {
    if (!this.steps.length) return null;
    return { engine: this.engine, pieces: Object.fromEntries(this.lane.pieces.pieces), events: [this.started, ...this.steps] };
  }

  // The run has ended: from here on it can be played back.
  end() {
    this.find("pair-open").hidden = !this.compare.choices || !this.steps.length;
    this.player.load(this.steps.map(({ t_ms: time }) => time), this.started?.t_ms);
  }

  // From the inspector; where it closes, the keyboard is in the lane again.
  choose(index) {
    this.lane.choose(index);
    if (index === null) this.find("lane").focus({ preventScroll: true });
  }

  point(token) {
    this.find("hover").textContent = token ? summary(token, this.lane.pieces) : "";
  }

  recolour(mode) {
    this.lane.setMode(mode);
    this.find("scale").replaceChildren(...scale(mode));
    this.find("scale").className = `e3-scale by-${mode}`;
  }

  filter(filter) {
    this.filtered = filter;
    this.find("steps").selectedIndex = this.filters.findIndex((each) => each?.text === filter?.text); // none for one of the Why panel's
    this.lane.filter(filter?.keeps ?? null);
    this.find("chip").hidden = !filter;
    this.tellKept();
  }

  tellKept() {
    const { filtered, lane } = this;
    if (filtered) this.find("chip").textContent = `Steps where ${filtered.text}: ${lane.kept} of ${this.steps.length} ×`;
  }

  // `range`: {from, to}, step by step inclusive, whose figures alone the charts then show; null for what the lane shows.
  stretch(range) {
    this.selected = range;
    this.find("range").hidden = !range;
    if (!range) return this.show(this.player.times.length ? this.played : this.figures);
    const [from, to] = [range.from, range.to].map((number) => this.steps[number].index + 1);
    this.find("range").textContent = `Charts of steps ${from} to ${to} only ×`;
    return this.show(Figures.of(this.k, this.pairs.slice(range.from, range.to + 1)));
  }

  // Forwards, only the steps that are new have to be counted.
  scrub(shown) {
    this.lane.show(shown);
    if (shown < this.played.numPasses) this.played = new Figures(this.k);
    for (const pair of this.pairs.slice(this.played.numPasses, shown)) this.played.add(...pair);
    if (!this.selected) this.show(this.played);
  }

  offerReferences() {
    const boxes = REFERENCES.map((row) => {
      const label = document.createElement("label");
      const box = document.createElement("input");
      box.type = "checkbox";
      label.title = row.source;
      label.append(box, ` ${row.name}`);
      return [label, box, row];
    });
    for (const [, box] of boxes) {
      box.addEventListener("change", () => this.charts.compare(boxes.filter(([, { checked }]) => checked).map(([, , row]) => row)));
    }
    this.find("references").append(...boxes.map(([label]) => label));
  }
}
