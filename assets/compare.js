// Two runs of one prompt beside each other: under two heads, two K, two seeds. The one in view, and another.

import { make } from "./dom.js";
import { align, at, differAt, differences, firstDifference, guessesBefore, lengthOf, partAt, sideOf } from "./pair.js";
import { said } from "./pictures.js";
import { ordinal } from "./verdicts.js";
import { label, summary } from "./words.js";

const BLOCK = 128; // positions that the browser may skip together while they are out of sight

export class Compare {
  // `current()` gives the run in view as {engine, pieces, events}, null where there is none to compare. `choices`, which
  // somebody else sets, gives what it can be compared with: [{name, prompt, current, requests}], where `requests()`
  // gives [{name, prompt, current, load}] and `load()` a run. `current`: it is the one in view.
  constructor(root, current) {
    this.current = current;
    this.choices = null;
    this.find = (name) => root.querySelector(`.e3-${name}`);
    this.root = this.find("pair");
    this.strip = this.find("pair-strip");
    this.find("pair-open").addEventListener("click", () => (this.root.hidden ? this.open() : this.close()));
    this.find("pair-close").addEventListener("click", () => {
      this.close();
      this.find("pair-open").focus();
    });
    this.find("pair-run").addEventListener("change", ({ target }) => this.chooseRun(target.selectedIndex));
    this.find("pair-request").addEventListener("change", ({ target }) => this.chooseRequest(target.selectedIndex));
    this.find("pair-first").addEventListener("click", () => {
      this.choose(this.first);
      this.strip.focus();
    });
    this.strip.addEventListener("click", ({ target }) => this.choose(Number(target.closest(".e3-pair-cell")?.dataset.n ?? NaN)));
    this.strip.addEventListener("keydown", (event) => this.key(event));
  }

  close() {
    this.root.hidden = true;
    this.asked = null;
    this.find("pair-open").setAttribute("aria-expanded", "false");
  }

  // `name`: what to compare with; without it, what has the same prompt.
  async open(name) {
    this.root.hidden = false;
    this.find("pair-open").setAttribute("aria-expanded", "true");
    this.runs = await this.get(() => this.choices());
    if (!this.runs) return undefined;
    this.find("pair-run").replaceChildren(...this.runs.map((run) => new Option(run.name)));
    if (!this.runs.length) return this.tell("There is no other run yet: generate one, then compare.");
    return this.chooseRun(this.best(this.runs, name));
  }

  async chooseRun(index) {
    this.find("pair-run").selectedIndex = index;
    this.requests = await this.get(this.runs[index].requests);
    if (!this.requests) return undefined;
    this.find("pair-request").replaceChildren(...this.requests.map(({ name }) => new Option(name)));
    this.find("pair-request").hidden = this.requests.length < 2;
    if (!this.requests.length) return this.tell("This recording holds no request: choose another one.");
    const request = this.best(this.requests);
    if (this.requests[request].current) return this.tell("This is the run in view: choose another one.");
    return this.chooseRequest(request);
  }

  async chooseRequest(index) {
    this.find("pair-request").selectedIndex = index;
    const other = await this.get(this.requests[index].load);
    if (other) this.show(sideOf(this.current()), sideOf(other));
  }

  // The index of the one of that name, else of another one with the same prompt, else of another one.
  best(list, name) {
    const prompt = said(this.current().events[0]);
    const fits = [(each) => each.name === name, (each) => !each.current && begins(prompt, each.prompt), (each) => !each.current, () => true];
    return list.findIndex(fits.find((fit) => list.some(fit)));
  }

  // What `work` gives; null where it failed, or something else was chosen meanwhile.
  async get(work) {
    this.asked = work;
    this.tell("Loading…");
    try {
      const found = await work();
      if (this.asked === work) return found;
    } catch (error) {
      if (this.asked === work) this.tell(error.message);
    }
    return null;
  }

  // A sentence in the place of a comparison.
  tell(text) {
    this.find("pair-text").textContent = text;
    this.find("pair-first").hidden = true;
    this.find("pair-body").hidden = true;
  }

  show(one, other) {
    align(one, other);
    this.sides = [one, other];
    this.first = firstDifference(one, other);
    this.selected = null;
    this.find("pair-body").hidden = false;
    this.find("pair-text").textContent = this.sentence();
    this.find("pair-first").hidden = this.first === null;
    this.find("pair-table").replaceChildren(...this.rows());
    this.drawStrip();
    this.find("pair-detail").replaceChildren();
  }

  sentence() {
    const [one, other] = this.sides;
    if (this.first === null) return "Both wrote the same tokens, from the first to the last.";
    const ended = [one, other].findIndex((side) => this.first >= side.cells.length + side.shift);
    if (ended >= 0) return `The same tokens as far as both go: ${ended ? "B" : "A"} ends before token ${this.first + 1}.`;
    return `The first token that differs is number ${this.first + 1}.`;
  }

  rows() {
    const [one, other] = this.sides;
    const different = differences(one, other);
    const both = (read) => this.sides.map(read);
    const guesses = guessesBefore(one, other, this.first ?? lengthOf(one, other));
    const number = (value) => (value == null ? "—" : value.toFixed(2));
    const head = make("tr", "");
    head.append(make("td", ""), make("th", "", "A: the run in view", { scope: "col" }), make("th", "", `B: ${this.find("pair-run").value}`, { scope: "col" }));
    const positions = Math.max(...both(({ figures }) => figures.acceptedPerPosition.length));
    return [
      head,
      heading(different.length ? "What differs" : "Nothing that was recorded differs: same pair, same settings, same prompt"),
      ...different.map((row) => line(...row)),
      heading("Acceptance"),
      line("mean acceptance length", ...both(({ figures }) => number(figures.meanAcceptanceLength))),
      line("tokens per pass", ...both(({ figures }) => number(figures.tokensPerPass))),
      ...Array.from({ length: positions }, (_, i) => line(`${ordinal(i)} guess, of all drafts`, ...both(({ figures }) => rate(figures.positions()[i])))),
      heading(`Of the ${guesses.of} tokens that both wrote before they differ`),
      line("guessed", ...guesses.right.map(String)),
      line("guessed by this draft alone", ...guesses.alone.map(String)),
    ];
  }

  drawStrip() {
    this.strip.replaceChildren();
    const length = lengthOf(...this.sides);
    for (let from = 0; from < length; from += BLOCK) {
      const block = make("div", "e3-block", "", { role: "presentation" });
      for (let position = from; position < Math.min(from + BLOCK, length); position += 1) block.append(this.cell(position));
      this.strip.append(block);
    }
  }

  cell(position) {
    const differs = differAt(...this.sides, position);
    const node = make("span", `e3-pair-cell${differs ? " differs" : ""}${position === this.first ? " first" : ""}`, "", {
      role: "option", "data-n": position, "aria-label": `token ${position + 1}: ${this.sides.map((side, i) => `${"AB"[i]} ${heard(side, position)}`).join("; ")}`,
    });
    node.append(...this.sides.map((side) => this.half(side, position)));
    return node;
  }

  half(side, position) {
    const cell = at(side, position);
    const half = make("span", `e3-pair-half${cell?.begins ? " begins" : ""}`);
    if (!cell) return half;
    if (cell.refused) half.append(make("span", "e3-t rejected ghost", seen(side.pieces.alone(cell.refused.id).text)));
    half.append(make("span", `e3-t ${cell.token.verdict} ${cell.kind}`, seen(cell.text)));
    return half;
  }

  choose(position) {
    const node = this.nodeAt(position);
    if (!node) return;
    this.nodeAt(this.selected)?.removeAttribute("aria-selected");
    this.nodeAt(this.selected)?.removeAttribute("id");
    this.selected = position;
    node.setAttribute("aria-selected", "true");
    node.id = "e3-pair-selected";
    node.scrollIntoView({ block: "nearest" });
    this.strip.setAttribute("aria-activedescendant", node.id);
    this.find("pair-detail").replaceChildren(...this.sides.map((side, i) => make("p", "", `${"AB"[i]}: ${told(side, position)}`)));
  }

  nodeAt(position) {
    return this.strip.children[Math.floor(position / BLOCK)]?.children[position % BLOCK];
  }

  key(event) {
    const last = lengthOf(...this.sides) - 1;
    const from = this.selected ?? -1;
    const to = { ArrowRight: () => Math.min(from + 1, last), ArrowLeft: () => Math.max(from - 1, 0), Home: () => 0, End: () => last,
      ArrowDown: () => this.nextDifference(from, 1), ArrowUp: () => this.nextDifference(from, -1) }[event.key];
    if (!to || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    this.choose(to());
  }

  nextDifference(from, by) {
    let position = from + by;
    while (this.nodeAt(position) && !partAt(...this.sides, position)) position += by;
    return this.nodeAt(position) ? position : from;
  }
}

// The beginning of a prompt is what lists have of it.
function begins(prompt, beginning) {
  return Boolean(beginning) && prompt.startsWith(beginning);
}

function seen(text) {
  return text.replaceAll("\n", "⏎");
}

function heard(side, position) {
  const cell = at(side, position);
  return cell ? label(cell.token, side.pieces) : "nothing";
}

function told(side, position) {
  const cell = at(side, position);
  return cell ? summary(cell.token, side.pieces) : "nothing was written at this position";
}

function rate(position) {
  if (position?.perDraft.rate == null) return "—";
  return `${Math.round(100 * position.perDraft.rate)} % (${position.accepted} of ${position.perDraft.of})`;
}

function heading(text) {
  const row = make("tr", "");
  row.append(make("th", "e3-pair-heading", text, { colspan: 3, scope: "colgroup" }));
  return row;
}

function line(name, one, other) {
  const row = make("tr", "");
  row.append(make("th", "", name, { scope: "row" }), make("td", "", one), make("td", "", other));
  return row;
}
