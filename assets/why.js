// The Why panel: what a perfect draft would have gained, split by cause; where guesses fail; which tokens cost most.

import { CAUSES } from "./causes.js";
import { make } from "./dom.js";
import { lengthWithout, ratio } from "./figures.js";
import { quoted } from "./pieces.js";
import { FACETS } from "./places.js";

const PAUSE_MS = 200; // between two drawings while a run goes on
const MOST_LINKS = 6;
const ROOM_FOR_GLYPH = 0.04; // of the bar

export class Why {
  // `filter(words, fits(rejection, place))` is told which rejections were asked for, `go(step index)` which step;
  // `pieces()` spells tokens.
  constructor(root, { filter, go, pieces }) {
    Object.assign(this, { root, filter, go, pieces });
    this.find = (name) => root.querySelector(`.e3-why-${name}`);
    for (const [facet, { title }] of Object.entries(FACETS)) this.find("facet").append(new Option(title, facet));
    this.find("facet").addEventListener("change", () => this.draw());
    for (const part of root.querySelectorAll("details")) part.addEventListener("toggle", () => this.draw());
  }

  show(figures) {
    this.figures = figures;
    this.timer ??= setTimeout(() => this.draw(), this.drawn ? PAUSE_MS : 0);
  }

  // A button that is being pressed, or has the focus, is still there afterwards.
  draw() {
    clearTimeout(this.timer);
    this.timer = this.root.querySelector("button:active") ? setTimeout(() => this.draw(), PAUSE_MS) : null;
    if (this.timer || !this.figures) return;
    this.drawn = true;
    const focused = this.root.querySelector("button:focus");
    this.drawCauses();
    if (this.find("where").open) this.drawWhere();
    if (this.find("tokens").open) this.drawTokens();
    if (focused) Array.from(this.root.querySelectorAll("button")).find((button) => role(button) === role(focused))?.focus({ preventScroll: true });
  }

  drawCauses() {
    const { figures } = this;
    const { failures } = figures;
    const found = Object.entries(failures.causes).filter(([, { count }]) => count);
    this.find("bar").replaceChildren(...this.segments(found));
    const short = notProposed(figures);
    const rows = [...found.map((row) => this.causeRow(row)), ...(short ? [["not proposed at all", "", ...this.costs(short)]] : [])];
    this.find("list").replaceChildren(...(rows.length ? [table(["cause", "rejections", "cost", "without it"], rows)] : []));
    this.find("sum").textContent = figures.numDrafts ? sumSentence(figures) : "No guess was checked yet.";
    this.root.dataset.rejections = failures.numRejections;
  }

  // From 0 to K + 1 tokens a step: what was reached, and what each cause took.
  segments(found) {
    const { figures } = this;
    if (!figures.numDrafts) return [];
    const measured = segment("e3-reached", figures.numDrafts + figures.numAccepted, figures.meanAcceptanceLength.toFixed(2), "measured");
    const short = notProposed(figures);
    return [
      measured,
      ...found.map(([cause, { count, lost }]) => {
        const { name, glyph, sentence } = CAUSES[cause];
        const shown = ratio(lost, figures.numDrafts) >= ROOM_FOR_GLYPH * (figures.k + 1) ? glyph : "";
        const part = segment(`e3-cause ${cause}`, lost, shown, `${name}: ${count} rejections, ${minus(figures, lost)} tokens a step. ${sentence}`, "button");
        part.dataset.role = `part ${cause}`;
        part.addEventListener("click", () => this.keepCause(cause));
        return part;
      }),
      ...(short ? [segment("e3-short", short, "", `not proposed at all: ${minus(figures, short)} tokens a step`)] : []),
    ];
  }

  causeRow([cause, { count, lost }]) {
    const { name, glyph, sentence } = CAUSES[cause];
    const button = make("button", `e3-cause ${cause}`, "", { type: "button", title: sentence, "data-cause": cause, "data-count": count });
    button.append(make("span", "e3-cause-glyph", glyph), ` ${name}`);
    button.addEventListener("click", () => this.keepCause(cause));
    return [button, count.toLocaleString("en"), ...this.costs(lost)];
  }

  costs(lost) {
    return [minus(this.figures, lost), lengthWithout(this.figures, lost).toFixed(2)];
  }

  keepCause(wanted) {
    this.filter(`the rejection’s cause is “${CAUSES[wanted].name}”`, ({ cause }) => cause === wanted);
  }

  // The name of a group; where it has rejections, a button that shows them.
  groupCell(facet, name, count) {
    if (!count) return name;
    const button = make("button", "", name, { type: "button", title: "Show the steps with a rejection here" });
    button.addEventListener("click", () => this.filter(`a guess was rejected, ${FACETS[facet].title}: ${name}`, (_, place) => place[facet] === name));
    return button;
  }

  drawWhere() {
    const { figures } = this;
    const facet = this.find("facet").value;
    const rows = figures.failures.ordered(facet).map(([name, { judged, count, lost, causes }]) => {
      const [often] = Object.entries(causes).sort(([, a], [, b]) => b - a);
      return [this.groupCell(facet, name, count), judged.toLocaleString("en"), `${(100 * ratio(count, judged)).toFixed(0)} %`, minus(figures, lost), often ? CAUSES[often[0]].name : ""];
    });
    this.find("groups").replaceChildren(table([FACETS[facet].title, "checked", "rejected", "cost", "most often"], rows));
  }

  drawTokens() {
    const { figures } = this;
    const rows = figures.failures.costliest().map(({ id, count, lost, steps }) => [
      quoted(this.pieces().alone(id)), count.toLocaleString("en"), minus(figures, lost), this.links(steps),
    ]);
    this.find("costliest").replaceChildren(table(["the verifier wrote", "rejections", "cost", "in step"], rows));
  }

  links(steps) {
    const cell = make("span", "e3-links");
    for (const index of steps.slice(0, MOST_LINKS)) {
      const link = make("button", "e3-link", String(index + 1), { type: "button" });
      link.addEventListener("click", () => this.go(index));
      cell.append(link);
    }
    if (steps.length > MOST_LINKS) cell.append("…");
    return cell;
  }
}

// What a button is for, whatever its figures say now.
function role(button) {
  return button.dataset.role ?? button.textContent;
}

// Tokens by which proposals were shorter than K.
function notProposed({ k, numDrafts, numDraftTokens }) {
  return k * numDrafts - numDraftTokens;
}

// What that many tokens are in length, below zero.
function minus(figures, lost) {
  return lost ? `−${ratio(lost, figures.numDrafts).toFixed(2)}` : "0";
}

function sumSentence({ k, meanAcceptanceLength: mean, failures: { ranks } }) {
  const low = [...ranks].sort(([a], [b]) => a - b).map(([rank, count]) => `${count} at rank ${rank}`);
  const sum = `${mean.toFixed(2)} measured + ${(k + 1 - mean).toFixed(2)} lost = ${k + 1} with every guess accepted: the costs add up to what was lost.`;
  return `${sum} “Without it” is at most: as if the rest of each such proposal had been accepted.${low.length ? ` Ranked low: ${low.join(", ")}.` : ""}`;
}

function segment(className, tokens, text, title, tag = "span") {
  const node = make(tag, className, text, { title, "aria-label": title });
  if (tag === "button") node.type = "button";
  node.style.flexGrow = tokens;
  return node;
}

function table(heads, rows) {
  const node = make("table", "e3-table");
  const head = node.createTHead().insertRow();
  for (const text of heads) head.append(make("th", "", text, { scope: "col" }));
  const body = node.createTBody();
  for (const cells of rows) {
    const row = body.insertRow();
    for (const cell of cells) row.insertCell().append(cell);
  }
  return node;
}
