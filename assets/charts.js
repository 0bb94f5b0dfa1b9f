// The two charts, drawn with Plotly. Figures come from the server; nothing is computed here.

import { ordinal } from "./verdicts.js";

const CONFIG = { displayModeBar: false, responsive: true };

let loading = null;

function loadPlotly(url) {
  loading ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = url;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => reject(new Error("plotly.js could not be loaded"));
    document.head.append(script);
  });
  return loading;
}

function layout(style, extra) {
  const color = (name) => style.getPropertyValue(name).trim();
  const axis = { gridcolor: color("--e3-line"), zerolinecolor: color("--e3-line"), fixedrange: true, automargin: true };
  return {
    height: 210,
    margin: { l: 40, r: 12, t: 8, b: 34 },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    font: { family: style.fontFamily, size: 12, color: color("--e3-ink") },
    hoverlabel: { font: { family: style.fontFamily } },
    ...extra,
    xaxis: { ...axis, ...extra.xaxis },
    yaxis: { ...axis, ...extra.yaxis },
  };
}

export class Charts {
  constructor(view, plotlyUrl) {
    this.view = view;
    this.nodes = Object.fromEntries(Array.from(view.querySelectorAll(".e3-chart"), (node) => [node.dataset.chart, node]));
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

  clear(k) {
    this.k = k;
    this.lengths = [];
    this.figures = null;
    this.draw();
  }

  update(figures) {
    this.k = figures.rate_per_draft.length;
    this.lengths = (this.lengths ?? []).slice(0, figures.first).concat(figures.mean_acceptance_lengths);
    this.figures = figures;
    this.draw();
  }

  draw() {
    if (!this.plotly) return;
    const style = getComputedStyle(this.view);
    this.drawPositions(style);
    this.drawLengths(style);
  }

  drawPositions(style) {
    const positions = Array.from({ length: this.k || 3 }, (_, position) => `${ordinal(position)} guess`);
    const counters = this.figures?.counters;
    const accepted = counters?.num_accepted_tokens_per_pos ?? [];
    const bar = (name, rates, denominators, color) => ({
      type: "bar",
      name,
      x: positions,
      y: positions.map((_, i) => rates?.[i] ?? null),
      text: positions.map((_, i) => (rates?.[i] == null ? "" : `${Math.round(100 * rates[i])}%`)),
      textposition: "auto",
      customdata: positions.map((_, i) => `${accepted[i]} of ${denominators[i]}`),
      hovertemplate: "%{x}: %{customdata} accepted<extra>%{fullData.name}</extra>",
      marker: { color: style.getPropertyValue(color).trim() },
    });
    const drafts = counters ? positions.map(() => counters.num_drafts) : [];
    this.plotly.react(this.nodes.positions, [
      bar("of all drafts", this.figures?.rate_per_draft, drafts, "--e3-bar-a"),
      bar("of drafts whose earlier guesses were accepted", this.figures?.rate_given_prefix, [drafts[0], ...accepted], "--e3-bar-b"),
    ], layout(style, {
      barmode: "group",
      bargap: 0.25,
      height: 240,
      margin: { l: 40, r: 12, t: 44, b: 30 },
      legend: { orientation: "h", x: 0, xanchor: "left", y: 1.02, yanchor: "bottom" },
      yaxis: { range: [0, 1], tickformat: ".0%", dtick: 0.25 },
    }), CONFIG);
  }

  drawLengths(style) {
    const color = style.getPropertyValue("--e3-bar-a").trim();
    const lengths = this.lengths ?? [];
    const now = this.figures?.mean_acceptance_length;
    const steps = lengths.map((_, i) => i + 1);
    this.plotly.react(this.nodes.lengths, [{
      type: "scatter",
      mode: "lines",
      x: steps,
      y: lengths,
      line: { color, width: 2 },
      hovertemplate: "%{y:.2f} up to step %{x}<extra></extra>",
    }], layout(style, {
      showlegend: false,
      xaxis: { title: { text: "step (verifier pass)", standoff: 6 }, range: [1, Math.max(10, steps.length)], showgrid: false },
      yaxis: { range: [1, (this.k || 3) + 1.05], dtick: 1, title: { text: "tokens per judged step", standoff: 6 } },
      annotations: now == null ? [] : [{
        x: 1, xref: "paper", xanchor: "right", y: now, yanchor: "bottom", text: `<b>${now.toFixed(2)}</b>`, showarrow: false,
        font: { color: style.getPropertyValue("--e3-ink").trim(), size: 14 },
      }],
    }), CONFIG);
  }
}
