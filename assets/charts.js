// The charts, drawn with Plotly from `figures.js`. Nothing is computed here but where a mark stands.

import { Figures, thinned } from "./figures.js";
import { ordinal } from "./verdicts.js";

const CONFIG = { displayModeBar: false, responsive: true };
const PAUSE_MS = 50; // between one chart and the next, at least
const MAX_PAUSE_MS = 500; // however slow the machine: four charts that are never older than a few seconds
const BAR_GAP = 0.25;
const MAX_LABELLED = 6; // with more guesses the labels of neighbours would run into each other
const DASHES = ["dot", "dash", "dashdot", "longdash"];

// Plotly takes long over the first numbers that it draws: each chart has its first ones before anybody waits for it.
const REHEARSAL = Figures.of(3, [[
  { index: 0, output_start: 0, proposed: [{}, {}, {}], num_accepted: 1, emitted: [0, 0], ms: { draft: 1, verify: 2 } },
  { places: [], rejection: null },
]]);

let loading = null;

export function loadPlotly(url) {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => reject(new Error("plotly.js could not be loaded"));
    document.head.append(script);
  });
  return loading;
}

export class Charts {
  // `pick(filter | null)` is told which bar was pressed: {text, keeps(step)}.
  constructor(view, plotlyUrl, pick) {
    this.style = getComputedStyle(view); // stays up to date by itself
    this.pick = pick;
    this.references = [];
    this.rests = 1;
    this.nodes = Object.fromEntries(Array.from(view.querySelectorAll(".e3-chart"), (node) => [node.dataset.chart, node]));
    this.drawers = { positions: () => this.drawPositions(), lengths: () => this.drawLengths(), rolling: () => this.drawRolling(), times: () => this.drawTimes() };
    this.due = new Set();
    this.picks = { positions: positionFilter, lengths: lengthFilter };
    loadPlotly(plotlyUrl).then((plotly) => this.ready(plotly)).catch((error) => {
      for (const node of Object.values(this.nodes)) node.textContent = error.message;
    });
    // Gradio marks the dark theme with a class on the body.
    new MutationObserver(() => this.draw()).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  }

  ready(plotly) {
    this.plotly = plotly;
    this.draw();
  }

  rehearse(name) {
    const { figures } = this;
    this.figures = REHEARSAL;
    this.drawers[name]();
    this.figures = figures;
    const filter = this.picks[name];
    if (filter) this.nodes[name].on("plotly_click", ({ points: [point] }) => this.pick(filter(point.pointIndex)));
  }

  // Published rows to compare with: [{name, perPosition}].
  compare(references) {
    this.references = references;
    this.draw();
  }

  // `rests`: how many times as long as a chart takes the rest of the page has before the next one, within the pauses.
  show(figures, rests = 1) {
    this.figures = figures;
    this.rests = rests;
    this.draw();
  }

  // One chart at a time, so that none of the browser's tasks gets long.
  draw() {
    if (!this.plotly) return;
    for (const name of Object.keys(this.drawers)) this.due.add(name);
    this.timer ??= setTimeout(() => this.drawNext(), 0);
  }

  drawNext() {
    const [name] = this.due;
    this.due.delete(name);
    if (!this.nodes[name].data) this.rehearse(name);
    const begun = performance.now();
    this.drawers[name]();
    const pause = this.rests * (performance.now() - begun);
    this.timer = setTimeout(() => this.rest(), Math.min(Math.max(PAUSE_MS, pause), MAX_PAUSE_MS));
  }

  rest() {
    this.timer = null;
    if (this.due.size) this.drawNext();
  }

  color(name) {
    return this.style.getPropertyValue(name).trim();
  }

  // `said` is the chart for those who listen to the page.
  react(name, said, traces, extra) {
    this.nodes[name].setAttribute("role", "img");
    this.nodes[name].setAttribute("aria-label", said);
    const axis = { gridcolor: this.color("--e3-line"), zerolinecolor: this.color("--e3-line"), fixedrange: true, automargin: true };
    this.plotly.react(this.nodes[name], traces, {
      height: 180,
      margin: { l: 40, r: 12, t: 8, b: 34 },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: this.style.fontFamily, size: 12, color: this.color("--e3-ink") },
      hoverlabel: { font: { family: this.style.fontFamily } },
      showlegend: false,
      ...extra,
      xaxis: { ...axis, ...extra.xaxis },
      yaxis: { ...axis, ...extra.yaxis },
    }, CONFIG);
  }

  drawPositions() {
    const found = this.figures?.positions() ?? [];
    const names = Array.from({ length: found.length || 3 }, (_, position) => `${ordinal(position)} guess`);
    const bars = [
      positionBar("of all drafts", names, found.map((row) => [row.accepted, row.perDraft]), this.color("--e3-bar-a"), this.color("--e3-ink")),
      positionBar("of drafts accepted up to there", names, found.map((row) => [row.accepted, row.givenPrefix]), this.color("--e3-bar-b"), this.color("--e3-ink")),
    ];
    const said = found.map(({ accepted, perDraft, givenPrefix }, i) => `${names[i]} accepted in ${accepted} of ${perDraft.of} drafts, ${givenPrefix.of} of them accepted up to there`).join(", ");
    this.react("positions", this.figures?.numDrafts ? said : "no judged step yet", [...bars, ...this.references.map((row, i) => this.referenceLine(row, names, i))], {
      barmode: "group",
      bargap: BAR_GAP,
      height: 250,
      showlegend: true,
      margin: { l: 40, r: 12, t: 44, b: 30 },
      legend: { orientation: "h", x: 0, xanchor: "left", y: 1.02, yanchor: "bottom" },
      yaxis: { range: [0, 1.12], tickformat: ".0%", tickvals: [0, 0.25, 0.5, 0.75, 1] },
      annotations: found.length > MAX_LABELLED ? [] : found.flatMap(({ perDraft, givenPrefix }, i) => [label(perDraft, i, -1), label(givenPrefix, i, 1)]),
    });
  }

  referenceLine({ name, perPosition: rates }, names, i) {
    return {
      type: "scatter", mode: "lines+markers", name: `${name} (of all drafts)`, x: names.slice(0, rates.length), y: rates.slice(0, names.length),
      line: { color: this.color("--e3-soft"), dash: DASHES[i % DASHES.length], width: 1.5 }, marker: { size: 5 },
      hovertemplate: "%{y:.0%}<extra>%{fullData.name}</extra>",
    };
  }

  drawLengths() {
    const counts = [...(this.figures?.lengths ?? [0, 0, 0, 0])]; // Plotly keeps it: it must not go on counting there
    const said = counts.map((count, length) => `${count} accepted ${length}`).join(", ");
    this.react("lengths", `${this.figures?.numDrafts ?? 0} judged steps: ${said}`, [{
      type: "bar", x: counts.map((_, length) => String(length)), y: counts, marker: { color: this.color("--e3-bar-a") },
      text: counts.map((count) => count || ""), textposition: "auto", textangle: 0,
      hovertemplate: "%{y} steps accepted %{x} guesses<extra></extra>",
    }], { xaxis: { title: { text: "guesses accepted in a step", standoff: 6 }, type: "category" }, yaxis: { rangemode: "tozero", title: { text: "steps", standoff: 6 } } });
  }

  drawRolling() {
    const points = thinned(this.figures?.rolling ?? []);
    const k = (this.figures?.lengths.length ?? 4) - 1;
    const now = this.figures?.meanAcceptanceLength;
    this.react("rolling", now == null ? "no judged step yet" : `mean acceptance length ${now.toFixed(2)} in all`, [{
      type: "scatter", mode: "lines", x: points.map(([position]) => position), y: points.map(([, mean]) => mean),
      line: { color: this.color("--e3-bar-a"), width: 2 }, hovertemplate: "%{y:.2f} around token %{x:.0f}<extra></extra>",
    }], {
      xaxis: { title: { text: "position in the answer", standoff: 6 }, showgrid: false, rangemode: "tozero" },
      yaxis: { range: [1, k + 1.05], dtick: 1, title: { text: "tokens in a step", standoff: 6 } },
      shapes: now == null ? [] : [{ type: "line", xref: "paper", x0: 0, x1: 1, y0: now, y1: now, line: { color: this.color("--e3-soft"), dash: "dot", width: 1 } }],
      annotations: now == null ? [] : [{ x: 1, xref: "paper", xanchor: "right", y: now, yanchor: "bottom", text: `<b>${now.toFixed(2)}</b>`, showarrow: false, font: { size: 14 } }],
    });
  }

  drawTimes() {
    const points = thinned(this.figures?.times ?? []);
    const area = (name, column, color) => ({
      type: "scatter", mode: "lines", stackgroup: "time", name, x: points.map(([step]) => step), y: points.map((point) => point[column]),
      line: { color, width: 1 }, hovertemplate: `%{y:.1f} ms ${name}<extra></extra>`,
    });
    const [, draft, verify] = thinned(this.figures?.times ?? [], 1)[0] ?? [];
    const said = points.length ? `of a step, on average: draft ${milliseconds(draft)}, verify ${milliseconds(verify)}` : "no times were recorded";
    this.react("times", said, [area("draft", 1, this.color("--e3-bar-b")), area("verify", 2, this.color("--e3-bar-a"))], {
      showlegend: true,
      margin: { l: 40, r: 12, t: 26, b: 34 },
      legend: { orientation: "h", x: 0, xanchor: "left", y: 1.02, yanchor: "bottom" },
      annotations: points.length || !this.figures?.numPasses ? [] : [{ text: said, showarrow: false, x: 0.5, y: 0.5, xref: "paper", yref: "paper" }],
      xaxis: { title: { text: "step (verifier pass)", standoff: 6 }, showgrid: false },
      yaxis: { rangemode: "tozero", title: { text: "ms", standoff: 6 } },
    });
  }
}

function milliseconds(value) {
  return value == null ? "not known" : `${value.toFixed(1)} ms`;
}

export function positionFilter(position) {
  return { text: `the ${ordinal(position)} guess was accepted`, keeps: (step) => step.num_accepted > position };
}

export function lengthFilter(length) {
  const text = `${length} ${length === 1 ? "guess was" : "guesses were"} accepted`;
  return { text, keeps: (step) => Boolean(step.proposed?.length) && step.num_accepted === length };
}

// `rows`: [accepted, {of, rate, interval}] for each position; the whiskers are Wilson's 95 % interval.
function positionBar(name, x, rows, color, ink) {
  const rates = rows.map(([, { rate }]) => rate);
  const reach = (end) => rows.map(([, { rate, interval }]) => (interval ? Math.abs(interval[end] - rate) : 0));
  return {
    type: "bar", name, x, y: rates, marker: { color },
    error_y: { type: "data", symmetric: false, array: reach(1), arrayminus: reach(0), color: ink, thickness: 1, width: 3 },
    customdata: rows.map(([accepted, { of, interval }]) => [`${accepted} of ${of}`, interval ? interval.map((end) => `${(100 * end).toFixed(0)} %`).join(" to ") : ""]),
    hovertemplate: "%{x}: %{customdata[0]} accepted<br>95 % interval %{customdata[1]}<extra>%{fullData.name}</extra>",
  };
}

// A rate above its bar's whisker; `side`: -1 for the left one of a pair, 1 for the right one.
function label({ rate, interval }, position, side) {
  return {
    x: position + (side * (1 - BAR_GAP)) / 4, y: interval?.[1] ?? 0, yanchor: "bottom", showarrow: false, font: { size: 11 }, borderpad: 0,
    text: rate === null ? "" : `${Math.round(100 * rate)}%`,
  };
}
