// Wires the page: the engine's bar, the view of a run, the buttons and keys that Gradio's controls do not have.

import { Added } from "./added.js";
import { Doctor } from "./doctor.js";
import { Explorer } from "./explore.js";
import { ModelPicker, load } from "./models.js";
import { said } from "./pictures.js";
import { Recorded } from "./recorded.js";
import { Saved } from "./saved.js";
import { ask } from "./server.js";
import { RunStream } from "./stream.js";
import { VERDICTS } from "./verdicts.js";

const ENDINGS = {
  stop: "Finished: the model ended its answer.",
  length: "Finished: reached max tokens. Raise it for a longer answer.",
  abort: "Stopped before the answer was complete.",
};
const FIRST = "Waiting for the first token";
const GENERATING = "Generating… Esc stops.";
const RETRY_MS = 2000;
const MAX_PAST = 8; // earlier runs that the page keeps to compare with
const shared = { engineReady: false, running: false, saved: null };
// What starts a run or opens one waits for the view that shows it.
let viewIsReady;
const viewReady = new Promise((resolve) => { viewIsReady = resolve; });

function button(id) {
  const node = document.getElementById(id);
  return node?.matches("button") ? node : node?.querySelector("button");
}

function syncButtons() {
  const generate = button("e3-generate");
  const stop = button("e3-stop");
  if (generate) generate.disabled = !shared.engineReady || shared.running;
  if (stop) stop.disabled = !shared.running;
  for (const example of document.querySelectorAll("#e3-examples button")) {
    example.disabled = !shared.engineReady || shared.running;
  }
}

export function mountEngine(element, { routes }) {
  const bar = element.querySelector(".e3-bar");
  const find = (name) => bar.querySelector(`.e3-${name}`);
  const picker = new ModelPicker(bar, routes);
  const doctor = new Doctor(bar, routes);
  const show = (phase, text, fraction, elapsed = "") => {
    bar.dataset.phase = phase;
    if (find("engine-text").textContent !== text) find("engine-text").textContent = text; // it is read out
    find("elapsed").textContent = elapsed;
    find("retry").hidden = phase !== "failed";
    find("progress").hidden = phase !== "loading";
    find("progress").classList.toggle("unknown", fraction == null);
    find("progress-fill").style.width = fraction == null ? "" : `${100 * fraction}%`;
    shared.engineReady = phase === "ready";
    viewReady.then(syncButtons);
  };
  const take = ({ data }) => {
    const { state, facts, models } = JSON.parse(data);
    picker.update(models, state.model, state.phase === "loading");
    if (state.phase === "ready") {
      show("ready", facts.join(" · "));
      doctor.show(state.model);
      return document.dispatchEvent(new CustomEvent("e3:ready", { detail: state.model }));
    }
    doctor.hide();
    if (state.phase === "failed") return show("failed", state.message);
    return show("loading", `${state.message}…`, state.fraction, `${Math.round(state.elapsed_s)} s`);
  };
  const listen = () => {
    const source = new EventSource(`${routes}engine`);
    source.onmessage = take;
    source.onerror = () => {
      show("lost", "No connection to the server. Is it running? This page tries again by itself.");
      if (source.readyState === EventSource.CLOSED) setTimeout(listen, RETRY_MS); // refused, as by a proxy
    };
  };
  listen();
  find("retry").addEventListener("click", () => fetch(`${routes}engine/retry`, { method: "POST" }));
}

export function mountSaved(element, { routes }) {
  const send = (name) => (detail) => document.dispatchEvent(new CustomEvent(name, { detail }));
  const on = { show: send("e3:open"), go: send("e3:go"), complain: send("e3:problem"), compare: send("e3:compare") };
  viewReady.then(() => { shared.saved = new Saved(element.querySelector(".e3-recordings"), routes, on); });
}

export function mountAdded(element, { props, watch, routes, limits }) {
  const added = new Added(element.querySelector(".e3-added"), {
    url: `${routes}images`,
    limits,
    change: (list) => { props.value = list; },
  });
  watch("value", () => added.replace(props.value ?? []));
}

export function mountView(element, { props, watch, routes, plotly }) {
  const view = new View(element.querySelector(".e3-view"), routes, routes + plotly);
  const recorded = new Recorded(view);
  view.explorer.compare.choices = async () => [...view.past, ...(await shared.saved.choices())];
  watch("value", () => view.open(props.value));
  document.addEventListener("e3:started", () => recorded.close());
  document.addEventListener("e3:open", ({ detail }) => recorded.open(detail));
  document.addEventListener("e3:go", ({ detail }) => recorded.goTo(detail));
  document.addEventListener("e3:problem", ({ detail }) => view.complain(detail));
  document.addEventListener("e3:compare", ({ detail }) => view.compareWith(detail));
  document.addEventListener("e3:stop", () => view.stop());
  document.addEventListener("e3:ready", ({ detail }) => view.loaded(detail));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) button("e3-generate")?.click();
    if (event.key === "Escape") view.stop();
  });
  window.addEventListener("pagehide", () => view.leave());
  viewIsReady();
}

export class View {
  constructor(root, routes, plotlyUrl) {
    this.root = root;
    this.routes = routes;
    this.find = (name) => root.querySelector(`.e3-${name}`);
    this.explorer = new Explorer(root, plotlyUrl);
    this.past = []; // earlier runs that are saved nowhere, to compare with
    this.find("offer").addEventListener("click", () => this.accept());
    fillLegend(this.find("keys"), this.find("lead"));
    this.empty();
  }

  empty() {
    this.find("words").textContent = "Nothing generated yet";
    this.say("empty", "Write a prompt or press an example: each token appears here as it is written, in colour.");
  }

  open(launch) {
    this.complain(launch?.problem, launch);
    if (!launch?.run) return;
    this.leave();
    this.explorer.clear();
    this.ending = null;
    this.saved = null;
    this.run = `${this.routes}runs/${launch.run}`;
    document.dispatchEvent(new CustomEvent("e3:started", { detail: launch.run }));
    this.explorer.inspector.branch = (position, id) => this.branch(position, id);
    this.find("words").textContent = FIRST;
    this.find("pace").textContent = "";
    this.find("save").hidden = true;
    this.find("report").hidden = true;
    this.say("running", GENERATING);
    this.setRunning(true);
    this.stream = new RunStream(`${this.run}/events`, {
      events: (events) => this.append(events),
      notice: (text) => this.complain(text),
      connection: (lost) => this.say("running", lost ? "Connection lost, trying again…" : GENERATING),
      queue: (ahead) => this.wait(ahead),
      end: (problem, saved) => this.end(problem, saved),
    });
  }

  // The engine is full: `ahead` runs get their turn before this one; null when it has come.
  wait(ahead) {
    if (ahead === null) {
      this.find("words").textContent = FIRST;
      return this.say("running", GENERATING);
    }
    const before = { 0: "yours is the next", 1: "one run goes before yours" }[ahead] ?? `${ahead} runs go before yours`;
    this.find("words").textContent = "Waiting for a turn";
    return this.say("running", `The engine is full: ${before}. Esc leaves the line.`);
  }

  append(events) {
    for (const event of events) {
      if (event.type === "request_failed") this.complain(event.error);
      if (event.type === "request_finished") this.ending = event;
    }
    this.explorer.append(events);
  }

  end(problem, saved) {
    this.setRunning(false);
    this.saved = saved;
    this.explorer.end();
    if (problem) this.complain(problem);
    if (this.stream) document.dispatchEvent(new CustomEvent("e3:ended", { detail: saved }));
    this.find("report").href = `${this.run}/report.html`;
    this.find("report").hidden = !this.explorer.steps.length;
    this.find("save").href = `${this.run}/trace.jsonl`;
    this.find("save").hidden = !this.explorer.steps.length;
    if (!this.ending) return this.say("broken", this.explorer.steps.length ? "Cut short: the answer is not complete." : "Cut short before its first token.");
    const verified = { true: " Counts equal vLLM’s own.", false: " Counts differ from vLLM’s own!" };
    return this.say("done", ENDINGS[this.ending.finish_reason] + (verified[this.ending.counters_verified] ?? ""));
  }

  // No second one is asked for meanwhile; what is opened meanwhile stays.
  async branch(position, id) {
    if (this.branching) return;
    const turn = (this.branching = {});
    try {
      const launch = await ask(`${this.run}/branch?position=${position}&token=${id}`, { method: "POST" });
      if (this.branching === turn) this.open(launch);
    } catch (error) {
      if (this.branching === turn) this.complain(error.message);
    }
    if (this.branching === turn) this.branching = null;
  }

  stop() {
    if (!shared.running) return;
    this.say("running", "Stopping…");
    fetch(`${this.run}/stop`, { method: "POST" });
  }

  leave() {
    if (this.stream && !this.saved) this.keep();
    this.stream?.close();
    this.stream = null;
    this.branching = null;
    this.setRunning(false);
  }

  keep() {
    const run = this.explorer.material();
    if (!run) return;
    const prompt = said(run.events[0]);
    const name = `earlier on this page: ${prompt.replaceAll(/\s+/g, " ").slice(0, 80)}`;
    this.past = [{ name, prompt, requests: async () => [{ name, prompt, load: async () => run }] }, ...this.past].slice(0, MAX_PAST);
  }

  compareWith(name) {
    if (shared.running) return this.complain("The run in view is still being written: compare when it has ended, or stop it.");
    if (this.explorer.material()) return this.explorer.compare.open(name);
    return this.complain("There is no run in view to compare with: open one first, or generate one.");
  }

  setRunning(running) {
    shared.running = running;
    syncButtons();
  }

  say(state, text) {
    this.root.dataset.state = state;
    this.find("state").textContent = text;
  }

  // `offer`: a model whose loading would solve the problem, and what that costs.
  complain(problem, { offer, cost } = {}) {
    this.offered = offer;
    this.find("problem-text").textContent = problem ?? "";
    this.find("cost").textContent = cost ?? "";
    this.find("offer").textContent = `Load ${offer}`;
    this.find("offer").hidden = !offer;
    this.find("problem").hidden = !problem;
  }

  async accept() {
    try {
      await load(this.routes, this.offered);
    } catch (error) {
      this.complain(error.message);
    }
  }

  loaded(model) {
    if (!this.offered || model !== this.offered) return;
    this.complain(null);
    this.say(this.root.dataset.state, `${model} is loaded: press Generate.`);
  }
}

function fillLegend(keys, lead) {
  lead.textContent =
    "A small, fast draft guesses the next few tokens. The verifier checks all of them in one pass and keeps those it would have written itself.";
  for (const [verdict, { glyph, sentence, ghost, mark }] of Object.entries(VERDICTS)) {
    const key = document.createElement("div");
    const sample = document.createElement("span");
    sample.className = `e3-t ${mark ? "" : verdict}${ghost ? " ghost" : ""}${mark ? " filler" : ""} text`;
    sample.textContent = verdict;
    document.body.style.setProperty(`--e3-glyph-${verdict}`, `"${glyph}"`);
    key.append(sample, ` ${sentence}`);
    keys.append(key);
  }
}
