// What the lane's colours can say. A token carries a class for every mode when it is made, so that a change of mode is
// one class on the lane, and no token is touched.

import { CAUSE_NAMES, CAUSES } from "./causes.js";

const LEVELS = 5;
const BARS = ["▁", "▂", "▄", "▆", "█"];
const PROBABILITIES = ["below 1 %", "1 – 10 %", "10 – 50 %", "50 – 90 %", "above 90 %"];
const PROBABILITY_BOUNDS = [0.01, 0.1, 0.5, 0.9];
const ENTROPIES = ["below 0.1 nats", "0.1 – 0.5", "0.5 – 1.5", "1.5 – 3", "above 3 nats"];
const ENTROPY_BOUNDS = [0.1, 0.5, 1.5, 3];

const level = (bounds, value) => (value == null ? null : bounds.filter((bound) => value >= bound).length);
const probability = (logprob) => (logprob == null ? null : Math.exp(logprob));
const own = (token) => token.proposed === null || token.id !== token.proposed.id || token.position >= token.step.proposed.length;

export const MODES = {
  verdict: { name: "verdict" },
  position: {
    name: "draft position",
    prefix: "at",
    level: (token) => (own(token) ? null : Math.min(token.position, LEVELS - 1)),
    levels: ["1st guess", "2nd", "3rd", "4th", "5th and later"],
  },
  draft: {
    name: "draft probability",
    prefix: "dp",
    level: (token) => (own(token) ? null : level(PROBABILITY_BOUNDS, probability(token.proposed.logprob))),
    levels: PROBABILITIES,
  },
  verifier: {
    name: "verifier probability",
    prefix: "vp",
    level: (token) => level(PROBABILITY_BOUNDS, probability(own(token) ? token.judged?.emitted_logprob : token.judged?.proposed_logprob)),
    levels: PROBABILITIES,
  },
  entropy: {
    name: "verifier entropy",
    prefix: "en",
    level: (token) => level(ENTROPY_BOUNDS, token.judged?.entropy),
    levels: ENTROPIES,
  },
  cause: {
    name: "cause of rejection",
    prefix: "ca",
    level: (token) => (token.cause ? CAUSE_NAMES.indexOf(token.cause) : null),
    levels: CAUSE_NAMES.map((cause) => CAUSES[cause].name),
    sentences: CAUSE_NAMES.map((cause) => CAUSES[cause].sentence),
    rest: "not rejected",
  },
};

// The classes of a token in all modes.
export function levelClasses(token) {
  return Object.values(MODES).filter((mode) => mode.prefix)
    .map((mode) => `${mode.prefix}${mode.level(token) ?? "x"}`).join(" ");
}

// What stands beside the choice of a mode: a sample of each level. Empty for verdicts, which have a legend of their own.
export function scale(name) {
  const { levels = [], sentences = [], prefix, rest = "not known, or nothing was guessed" } = MODES[name];
  const unknown = levels.length ? [[rest, `${prefix}x`, ""]] : [];
  return [...levels.map((text, i) => [text, `${prefix}${i}`, sentences[i] ?? ""]), ...unknown].map(([text, className, sentence]) => {
    const key = document.createElement("span");
    key.className = `e3-t ${className}`;
    key.textContent = text;
    key.title = sentence;
    return key;
  });
}

export function declareGlyphs(style) {
  BARS.forEach((bar, i) => style.setProperty(`--e3-bar-glyph-${i}`, `"${bar}"`));
  CAUSE_NAMES.forEach((cause, i) => style.setProperty(`--e3-glyph-cause-${i}`, `"${CAUSES[cause].glyph}"`));
}
