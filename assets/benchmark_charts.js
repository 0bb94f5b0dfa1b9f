// The charts of the tab “Benchmark”, from the server's figures.

import { loadPlotly } from "./charts.js";
import { ordinal } from "./verdicts.js";

const CONFIG = { displayModeBar: false, responsive: true };
const DASHES = ["dot", "dash", "dashdot", "longdash"];

export class BenchmarkCharts {
  constructor(root, plotlyUrl) {
    this.style = getComputedStyle(root);
    this.plotlyUrl = plotlyUrl;
    this.nodes = Object.fromEntries(Array.from(root.querySelectorAll(".e3-bench-chart"), (node) => [node.dataset.chart, node]));
    // A chart that was drawn out of sight has a width of its own.
    new ResizeObserver(([{ contentRect }]) => contentRect.width && this.fit()).observe(root);
    new MutationObserver(() => this.draw()).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  }

  async show(found) {
    this.found = found;
    try {
      this.plotly = await loadPlotly(this.plotlyUrl);
      this.draw();
    } catch (error) {
      for (const node of Object.values(this.nodes)) node.textContent = error.message;
    }
  }

  fit() {
    for (const node of Object.values(this.nodes)) if (node.data) this.plotly.Plots.resize(node);
  }

  draw() {
    if (!this.plotly || !this.found) return;
    const { report } = this.found;
    this.drawPositions(report.positions);
    const said = report.histogram.map((drafts, length) => `${drafts} drafts with ${length} accepted`).join(", ");
    this.react("histogram", said, [this.bars(report.histogram.map((_, length) => `${length}`), report.histogram, "--e3-bar-a")], { yaxis: { title: { text: "drafts" } } });
    this.drawGroups("categories", report.by_category.length ? report.by_category : report.by_input);
    this.drawGroups("along", report.by_output_position);
  }

  color(name) {
    return this.style.getPropertyValue(name).trim();
  }

  bars(x, y, color, more = {}) {
    return { type: "bar", x, y, marker: { color: this.color(color) }, hoverinfo: "x+y", ...more };
  }

  drawPositions(positions) {
    const names = positions.map(({ position }) => `${ordinal(position)} guess`);
    const part = (field, name, color) => this.bars(names, positions.map((one) => one[field]), color, {
      name,
      error_y: { type: "data", symmetric: false, color: this.color("--e3-ink"), thickness: 1, width: 3, ...spread(positions, field) },
    });
    const lines = this.found.published.map((run, place) => ({
      type: "scatter", mode: "lines+markers", name: run.name, x: names, y: run.per_position.slice(0, names.length),
      line: { color: this.color("--e3-soft"), dash: DASHES[place % DASHES.length], width: 1.5 }, marker: { size: 5 },
      visible: place < 2 ? true : "legendonly",
    }));
    const said = positions.map((one, place) => `${names[place]} accepted in ${one.accepted} of ${one.drafts} drafts`).join(", ");
    this.react("positions", said, [part("rate_per_draft", "of all drafts", "--e3-bar-a"), part("rate_given_prefix", "of those accepted up to here", "--e3-bar-b"), ...lines], {
      barmode: "group", height: 320, showlegend: true, legend: { orientation: "h", y: -0.15 }, yaxis: { range: [0, 1], tickformat: ".0%" },
    });
  }

  drawGroups(name, groups) {
    const said = groups.map((group) => `${group.name}: ${group.mean_acceptance_length?.toFixed(2)}`).join(", ");
    this.react(name, said, [this.bars(groups.map((group) => group.name), groups.map((group) => group.mean_acceptance_length), "--e3-bar-b")], { yaxis: { rangemode: "tozero" }, xaxis: { type: "category" } });
  }

  // `said` is the chart for those who listen to the page.
  react(name, said, traces, extra) {
    const node = this.nodes[name];
    node.setAttribute("role", "img");
    node.setAttribute("aria-label", said);
    const axis = { gridcolor: this.color("--e3-line"), zerolinecolor: this.color("--e3-line"), fixedrange: true, automargin: true };
    this.plotly.react(node, traces, {
      height: 220,
      margin: { l: 40, r: 12, t: 10, b: 34 },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      font: { family: this.style.fontFamily, size: 12, color: this.color("--e3-ink") },
      showlegend: false,
      ...extra,
      xaxis: { ...axis, ...extra.xaxis },
      yaxis: { ...axis, ...extra.yaxis },
    }, CONFIG);
  }
}

// How far a rate's interval reaches up and down from it.
function spread(positions, field) {
  const ends = positions.map((one) => [one[field] ?? 0, ...(one[`${field}_interval`] ?? [0, 0])]);
  return { array: ends.map(([rate, , high]) => Math.max(0, high - rate)), arrayminus: ends.map(([rate, low]) => Math.max(0, rate - low)) };
}
