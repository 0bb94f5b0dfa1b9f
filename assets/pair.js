// Two runs beside each other: how they were made, and what each wrote at each position of the answer. Draws nothing.

import { withFacts } from "./failures.js";
import { Figures } from "./figures.js";
import { Pieces } from "./pieces.js";
import { said } from "./pictures.js";
import { isGhost, tokensOf } from "./verdicts.js";

const ENGINE = {
  verifier: "verifier",
  draft: "draft head",
  num_speculative_tokens: "K",
  aux_hidden_state_layer_ids: "layers that the head reads",
  draft_vocab_size: "draft vocabulary",
  draft_sample_method: "draft sampling",
  rejection_sample_method: "acceptance test",
  dtype: "dtype",
  device: "device",
  model_runner: "model runner",
  vllm_version: "vLLM",
};

// One run: `request` is {engine, pieces, events}.
export function sideOf({ engine, pieces, events }) {
  const known = new Pieces();
  known.begin(engine);
  known.add(pieces);
  const steps = events.filter(({ type }) => type === "step");
  const started = events.find(({ type }) => type === "request_started");
  return { engine, started, pieces: known, figures: Figures.of(engine.num_speculative_tokens, withFacts(started, steps, known)), cells: cellsOf(steps, known), shift: 0 };
}

// By output position: the token, its text, the guess that it replaced, and whether a step begins there.
function cellsOf(steps, pieces) {
  const cells = [];
  for (const step of steps) {
    const tokens = tokensOf(step);
    const refused = tokens.find(({ verdict }) => verdict === "rejected");
    for (const token of tokens.filter((each) => !isGhost(each))) {
      const shown = pieces.next(token.id);
      cells[step.output_start + token.position] = {
        token, text: shown.text, kind: shown.kind, begins: token.position === 0, refused: token.verdict === "correction" ? refused : null,
      };
    }
  }
  return cells;
}

// A run that continues another has its prompt and the beginning of its answer for a prompt, and stands where that ends.
// Two that continue one run from different places share all but the last token of the shorter prompt, which was chosen.
export function align(one, other) {
  for (const [child, root] of [[one, other], [other, one]]) {
    const [whole, prompt] = [child, root].map(({ started }) => started.token_ids);
    const shared = root.started.parent ? prompt.slice(0, -1) : prompt;
    const continues = child.started.parent && whole.length >= prompt.length && shared.every((id, place) => id === whole[place]);
    child.shift = continues ? whole.length - prompt.length : 0;
  }
}

export function at(side, position) {
  return side.cells[position - side.shift] ?? null;
}

export function lengthOf(...sides) {
  return Math.max(...sides.map((side) => side.cells.length + side.shift));
}

// Whether two runs wrote different tokens at a position; one that has ended, or lost the step, wrote none.
export function differAt(one, other, position) {
  return at(one, position)?.token.id !== at(other, position)?.token.id;
}

const guessed = (side, position) => at(side, position)?.token.verdict === "accepted";

// Whether two runs part at a position: in what they wrote, or in whether the draft had guessed it.
export function partAt(one, other, position) {
  return differAt(one, other, position) || guessed(one, position) !== guessed(other, position);
}

// Of the positions before `end`, at which both wrote the same: how many there are, and how many each draft had guessed
// and how many it alone: {of, right: [of one, of the other], alone: [...]}.
export function guessesBefore(one, other, end) {
  const same = Array.from({ length: end }, (_, position) => position).filter((position) => at(one, position) && at(other, position));
  const count = (test) => same.filter(test).length;
  return {
    of: same.length,
    right: [one, other].map((side) => count((position) => guessed(side, position))),
    alone: [[one, other], [other, one]].map(([side, against]) => count((position) => guessed(side, position) && !guessed(against, position))),
  };
}

// The first position at which both wrote something and it was not the same, or behind which only one goes on; null: none.
export function firstDifference(one, other) {
  for (let position = Math.max(one.shift, other.shift); position < lengthOf(one, other); position += 1) {
    const ends = [one, other].some((side) => position >= side.cells.length + side.shift);
    if (ends || (at(one, position) && at(other, position) && differAt(one, other, position))) return position;
  }
  return null;
}

// What differs in how the runs were made: [[what, of one, of the other]].
export function differences(one, other) {
  const sampled = new Set([one, other].flatMap(({ started }) => Object.keys(started.sampling ?? {})));
  const of = (read) => [read(one), read(other)];
  return [
    ...Object.entries(ENGINE).map(([key, name]) => [name, ...of(({ engine }) => word(engine[key], "not recorded"))]),
    ...[...sampled].map((key) => [key.replaceAll("_", " "), ...of(({ started }) => word(started.sampling?.[key], "none"))]),
    ["prompt", ...of(({ started }) => said(started))],
    ["template around the prompt", ...of(({ started }) => started.text.replace(said(started), "…"))],
    ["images", ...of(({ started }) => word(started.images?.map(({ sha256 }) => sha256.slice(0, 8)), "none"))],
  ].filter(([, first, second]) => first !== second);
}

function word(value, nothing) {
  if (value == null || value.length === 0) return nothing;
  if (Array.isArray(value)) return value.join(", ");
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
