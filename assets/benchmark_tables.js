// The tables of the tab “Benchmark”. Nothing is computed here: figures are only written out.

import { make } from "./dom.js";

export const fixed = (value, digits = 2) => (value === null || value === undefined ? "–" : value.toFixed(digits));
export const signed = (value) => (value === null ? "–" : `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(3)}`);
export const percent = (value) => (value === null ? "–" : `${(100 * value).toFixed(1)} %`);
export const WORDS = { text: "prompt", className: "words" };
const whole = (value) => (value === null || value === undefined ? "" : value.toLocaleString("en"));

// A cell is a text, a number, an element, or {text, className}.
function cell(tag, value) {
  if (value instanceof Node) {
    const node = make(tag, "");
    node.append(value);
    return node;
  }
  const { text, className = "" } = value !== null && typeof value === "object" ? value : { text: value };
  return make(tag, className, typeof text === "number" ? whole(text) : text);
}

export function table(title, head, rows) {
  const found = make("table", "");
  if (title) found.append(make("caption", "", title));
  const lines = [["th", head], ...rows.map((row) => ["td", row])].map(([tag, values]) => {
    const line = make("tr", "");
    line.append(...values.map((value) => cell(tag, value)));
    return line;
  });
  found.append(...lines);
  const scroll = make("div", "e3-bench-scroll", "", { tabindex: "0" });
  scroll.append(found);
  return scroll;
}

// What its counts give, and what is printed with them where that is something else.
function publishedLength({ agrees, length_from_counts: counted, mean_acceptance_length: printed }) {
  return agrees === false ? `${fixed(counted)} (printed: ${fixed(printed)})` : fixed(printed);
}

// This run, and the published ones beside it.
export function blockTable({ summary, published }) {
  const own = (value) => ({ text: value, className: "own" });
  const counts = ["total_num_output_tokens", "num_drafts", "num_draft_tokens", "num_accepted_tokens"];
  const theirs = { total_num_output_tokens: "num_output_tokens" };
  const rows = counts.map((name) => [name, own(whole(summary[name])), ...published.map((run) => whole(run[theirs[name] ?? name]))]);
  rows.push(["mean acceptance length", own(fixed(summary.mean_acceptance_length)), ...published.map(publishedLength)]);
  summary.acceptance_at_token.forEach((rate, place) => {
    rows.push([`acceptance at token ${place}`, own(fixed(rate)), ...published.map((run) => fixed(run.per_position[place]))]);
  });
  return table("", ["", own("this run"), ...published.map(({ name }) => name)], rows);
}

export function groupsTable(title, groups) {
  const positions = groups[0].positions.map(({ position }) => `at ${position}`);
  const rows = groups.map((group) => [
    group.name, group.num_prompts, group.counters.num_drafts, fixed(group.mean_acceptance_length), ...group.positions.map((one) => percent(one.rate_per_draft)),
  ]);
  return table(title, ["", "prompts", "drafts", "mean acceptance length", ...positions], rows);
}

export function kTable({ estimates }) {
  const rows = estimates.map((one) => [
    `K = ${one.num_speculative_tokens}`, fixed(one.mean_acceptance_length, 3), fixed(one.tokens_per_second, 1), one.estimated ? "estimate" : "from this run",
  ]);
  return table("", ["", "mean acceptance length", "tokens/s of one request", ""], rows);
}

export function comparisonTables(found, [a, b]) {
  const gaps = (title, list) => table(title, ["", "answers", "A", "B", "B − A", "95 % interval"], list.map((gap) => [
    gap.name, gap.num_pairs, fixed(gap.a, 3), fixed(gap.b, 3), signed(gap.difference), gap.interval ? `${signed(gap.interval[0])} to ${signed(gap.interval[1])}` : "–",
  ]));
  const parts = [make("h3", "e3-bench-title", `A: ${a} — B: ${b}`), gaps("Mean acceptance length", [found.pooled, found.per_request])];
  if (found.categories.length) parts.push(gaps("By category, what moved most first", found.categories));
  parts.push(table("Prompts that moved most", ["", WORDS, "A", "B", "B − A"], found.prompts.map((one) => [
    one.prompt_id, { text: one.prompt.slice(0, 120), className: "words" }, fixed(one.a), fixed(one.b), signed(one.difference),
  ])));
  if (found.greedy) {
    const { num_different: different, both_right: both, only_a: onlyA, only_b: onlyB, both_wrong: none } = found.greedy;
    parts.push(table("Positions that both heads were judged at", ["both right", "only A", "only B", "both wrong", "answers that differ"], [[both, onlyA, onlyB, none, different]]));
    if (found.greedy.spots.length) {
      parts.push(table("Where only one head was right, the first of them", ["prompt", "token", "right"], found.greedy.spots.map((spot) => [spot.prompt_id, spot.position, spot.right.toUpperCase()])));
    }
  }
  return parts;
}
