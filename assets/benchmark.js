// The tab “Benchmark”: starts one, follows it, shows its report and two beside each other. Every figure is the server's.

import { BenchmarkCharts } from "./benchmark_charts.js";
import { WORDS, blockTable, comparisonTables, fixed, groupsTable, kTable, percent, table } from "./benchmark_tables.js";
import { make } from "./dom.js";
import { ask } from "./server.js";

const MAX_TOLD = 50;
const KEY = "eagle3-benchmarks";

export function mountBenchmark(element, { routes, plotly }) {
  new BenchmarkTab(element.querySelector(".e3-bench"), routes, routes + plotly);
}

class BenchmarkTab {
  constructor(root, routes, plotlyUrl) {
    Object.assign(this, { root, url: `${routes}benchmarks`, runs: [] });
    this.find = (name) => root.querySelector(`.e3-bench-${name}`);
    this.charts = new BenchmarkCharts(root, plotlyUrl);
    this.find("dataset").addEventListener("change", () => this.offerFile());
    this.find("form").addEventListener("submit", (event) => {
      event.preventDefault();
      this.try(() => this.start());
    });
    this.find("stop").addEventListener("click", () => this.try(() => ask(`${this.job}/stop`, { method: "POST" })));
    this.find("run").addEventListener("change", () => this.try(() => this.report()));
    this.find("compare").addEventListener("click", () => this.try(() => this.compare()));
    this.find("opened").addEventListener("change", () => this.try(() => this.openFile()));
    for (const other of ["e3:started", "e3:open"]) document.addEventListener(other, () => { this.wanted = null; });
    this.comeBack();
    this.find("start").disabled = false; // before, the browser itself would send the form
  }

  // A page that is loaded again still knows its benchmarks, as long as the server does.
  async comeBack() {
    for (const id of remembered()) {
      const { title, ended, problem } = await ask(`${this.url}/${id}`).catch(() => ({}));
      if (ended && !problem) await this.add(id, title);
      if (ended === false) this.follow(id, title);
    }
  }

  async try(work) {
    this.complain("");
    try {
      await work();
    } catch (error) {
      this.complain(error.message);
    }
  }

  complain(text) {
    this.find("problem").textContent = text;
    this.find("problem").hidden = !text;
  }

  offerFile() {
    this.find("file").hidden = Boolean(this.find("dataset").value);
  }

  async start() {
    const dataset = this.find("dataset").value;
    const [file] = this.find("file").files;
    if (!dataset && !file) throw new Error("Choose a file of prompts first.");
    const query = new URLSearchParams({
      dataset: dataset || file.name,
      sent: !dataset,
      num_prompts: this.find("prompts").value || 20,
      tokens: this.find("tokens").value || 128,
      concurrency: this.find("concurrency").value || 1,
    });
    const { id, title } = await ask(`${this.url}?${query}`, { method: "POST", body: dataset ? null : file });
    this.follow(id, title);
  }

  follow(id, title) {
    remembered(id);
    this.job = `${this.url}/${id}`;
    this.running(true);
    this.say({ message: "Starting", fraction: 0 });
    const stream = new EventSource(`${this.job}/events`);
    stream.onmessage = ({ data }) => this.say(JSON.parse(data));
    stream.onerror = () => {
      if (stream.readyState !== EventSource.CLOSED) return; // it tries again by itself
      this.running(false);
      this.complain("The server does not know this benchmark any more: run it again.");
    };
    stream.addEventListener("end", ({ data }) => {
      stream.close();
      this.running(false);
      const { problem } = JSON.parse(data);
      if (problem) return this.complain(problem);
      return this.add(id, title);
    });
  }

  running(yes) {
    this.find("start").disabled = yes;
    if (this.find("stop") === document.activeElement) this.find("start").focus();
    this.find("stop").hidden = !yes;
    this.find("progress").hidden = !yes;
  }

  say({ message, fraction, summary }) {
    this.root.querySelector("progress").value = fraction;
    const figures = summary && [
      `mean acceptance length ${fixed(summary.mean_acceptance_length)}`,
      ...summary.acceptance_at_token.map((rate, place) => `at ${place} ${percent(rate)}`),
      `${summary.num_drafts.toLocaleString("en")} drafts`,
    ].join(" · ");
    this.find("said").textContent = [message, figures].filter(Boolean).join(" — ");
  }

  async openFile() {
    const [file] = this.find("opened").files;
    if (!file) return;
    const { id, title } = await ask(`${this.url}/open?name=${encodeURIComponent(file.name)}`, { method: "POST", body: file });
    this.find("opened").value = "";
    remembered(id);
    await this.add(id, title);
  }

  // A benchmark that has ended joins the list and is shown.
  add(id, title) {
    const number = this.runs.push({ id, title: `${this.runs.length + 1}: ${title}` }) - 1;
    for (const name of ["run", "other"]) {
      const chosen = this.find(name).selectedIndex;
      this.find(name).replaceChildren(...this.runs.map((run) => new Option(run.title, run.id)));
      this.find(name).selectedIndex = name === "run" ? number : Math.max(0, chosen);
    }
    this.find("runs").hidden = false;
    return this.try(() => this.report());
  }

  async report() {
    const run = `${this.url}/${this.find("run").value}`;
    const found = await ask(`${run}/report`);
    if (run !== `${this.url}/${this.find("run").value}`) return; // another was chosen meanwhile
    this.find("json").href = `${run}/bench.json`;
    this.find("csv").href = `${run}/bench.csv`;
    this.find("comparison").hidden = true;
    this.find("report").hidden = false;
    this.find("title").textContent = `${found.settings.pair}: ${found.dataset}`;
    this.find("lead").textContent = lead(found);
    this.find("block").replaceChildren(blockTable(found));
    this.find("doubt").textContent = doubt(found.published);
    this.find("parts").replaceChildren(...partTables(found.report));
    this.find("k").replaceChildren(kTable(found));
    this.tellBad(found.unmeasured);
    this.find("answers").replaceChildren(this.answersTable(run, found.answers));
    this.charts.show(found);
  }

  tellBad(unmeasured) {
    const bad = this.find("bad");
    bad.hidden = !unmeasured.length;
    bad.querySelector("summary").textContent = `Not measured: ${unmeasured.length}`;
    const lines = unmeasured.slice(0, MAX_TOLD).map(({ place, problem }) => make("li", "", `${place}: ${problem}`));
    bad.querySelector("ul").replaceChildren(...lines);
  }

  answersTable(run, answers) {
    const rows = answers.map((answer, number) => [
      this.showButton(run, answer, number),
      { text: answer.prompt, className: "words" },
      answer.category ?? answer.input,
      answer.num_output_tokens,
      answer.num_drafts,
      fixed(answer.mean_acceptance_length),
    ]);
    return table("", ["", WORDS, "category", "tokens", "drafts", "mean acceptance length"], rows);
  }

  showButton(run, answer, number) {
    const name = answer.turn === 1 ? answer.prompt_id : `${answer.prompt_id}, turn ${answer.turn}`;
    if (!answer.traced) return name;
    const button = make("button", "e3-bench-show", name, { type: "button", title: "Show how this answer was written" });
    button.addEventListener("click", () => this.try(async () => {
      const elsewhere = (arrived) => document.dispatchEvent(new CustomEvent("e3:elsewhere", { detail: arrived }));
      elsewhere(false);
      const turn = (this.wanted = {});
      const request = await ask(`${run}/answers/${number}`);
      if (this.wanted !== turn) return; // something else was asked for meanwhile
      elsewhere(true);
      document.dispatchEvent(new CustomEvent("e3:open", { detail: request }));
      document.querySelector(".e3-view").scrollIntoView({ block: "start" });
    }));
    return button;
  }

  async compare() {
    const [a, b] = [this.find("run"), this.find("other")];
    if (a.value === b.value) throw new Error("Choose two different benchmarks: run another one, or open a file.");
    const names = [a, b].map(({ selectedOptions: [option] }) => option.text);
    const address = () => `${this.url}/${a.value}/against/${b.value}`;
    const asked = address();
    const found = await ask(asked);
    if (asked !== address()) return; // others were chosen meanwhile
    this.find("comparison").replaceChildren(...comparisonTables(found, names));
    this.find("comparison").hidden = false;
    this.find("comparison").scrollIntoView({ block: "nearest" });
  }
}

// Storage may be forbidden, as in a frame of another site.
function remembered(added) {
  try {
    const ids = JSON.parse(sessionStorage.getItem(KEY)) ?? [];
    if (added && !ids.includes(added)) sessionStorage.setItem(KEY, JSON.stringify([...ids, added]));
    return ids;
  } catch {
    return [];
  }
}

function lead({ report, settings, num_asked: asked, interrupted }) {
  const { lengths, times, verified } = report;
  const within = lengths.token_weighted_interval;
  return [
    `${report.num_prompts} of ${asked} prompts${interrupted ? " (stopped early)" : ""}`,
    `K = ${settings.num_speculative_tokens}, ${settings.concurrency} at a time`,
    `mean acceptance length ${fixed(lengths.token_weighted, 3)}${within ? ` (95 %: ${fixed(within[0])} to ${fixed(within[1])})` : ""}`,
    `each prompt counted once: ${fixed(lengths.request_weighted, 3)}`,
    times.tokens_per_second === null ? "" : `${fixed(times.tokens_per_second, 1)} tokens/s`,
    times.draft_ms === null ? "" : `draft ${fixed(times.draft_ms, 1)} ms, verify ${fixed(times.verify_ms, 1)} ms a step`,
    `counts equal to the engine’s own for ${verified.equal} of ${report.num_answers} answers`,
  ].filter(Boolean).join(" · ");
}

function doubt(published) {
  const doubted = published.filter(({ agrees }) => agrees === false).map(({ name, mean_acceptance_length: printed, length_from_counts: counted }) =>
    `${name}: its source prints a mean of ${fixed(printed)}, its own counts give ${fixed(counted)}.`);
  return doubted.join(" ");
}

function partTables(report) {
  const parts = [["By category", report.by_category], ["Text and image", report.by_input], ["By position in the answer", report.by_output_position], ["By context length, in tokens", report.by_context_length]];
  return parts.filter(([, groups]) => groups.length > 1).map(([title, groups]) => groupsTable(title, groups));
}

