// Sentences about a token: for the line below the lane, and for those who listen to the page.

import { CAUSES, rejectionOf } from "./causes.js";
import { quoted } from "./pieces.js";
import { ordinal } from "./verdicts.js";

// What is not certain is not called so.
export function share(probability) {
  if (probability > 0 && probability < 0.001) return "< 0.1 %";
  if (probability < 1 && probability >= 0.995) return "> 99 %";
  return `${(100 * probability).toFixed(probability > 0 && probability < 0.1 ? 1 : 0)} %`;
}

export function percent(logprob) {
  return logprob == null ? null : share(Math.exp(logprob));
}

function beliefs(token) {
  const own = token.verdict === "correction" || token.verdict === "bonus" || token.verdict === "unspeculated";
  const verifier = percent(own || token.was ? token.judged?.emitted_logprob : token.judged?.proposed_logprob);
  const draft = own ? null : percent(token.proposed?.logprob);
  return [draft && `draft ${draft}`, verifier && `verifier ${verifier}`].filter(Boolean);
}

function instead(token, pieces) {
  const { step, verdict } = token;
  if (verdict === "rejected") return `verifier chose ${quoted(pieces.alone(step.emitted[step.num_accepted]))}`;
  if (verdict === "correction") return `draft proposed ${quoted(pieces.alone(step.proposed[step.num_accepted].id))}`;
  return verdict === "discarded" ? "never checked" : null;
}

function name(token) {
  return token.verdict === "cut" && token.was ? `cut (${token.was})` : token.verdict;
}

// "ranked low, number 3 for the draft"
function why({ step, verdict }, pieces) {
  const rejection = verdict === "rejected" || verdict === "correction" ? rejectionOf(step, pieces) : null;
  if (!rejection) return null;
  const rank = rejection.cause === "ranked_low" ? `, number ${rejection.rank} for the draft` : "";
  return `why: ${CAUSES[rejection.cause].name}${rank}`;
}

// "rejected “ sat” · draft 41 % · verifier 3 % · verifier chose “ ran” · step 12, 2nd guess"
export function summary(token, pieces) {
  const place = token.position < (token.step.proposed?.length ?? 0) ? `, ${ordinal(token.position)} guess` : "";
  return [
    `${name(token)} ${quoted(pieces.alone(token.id))}`,
    ...beliefs(token),
    instead(token, pieces),
    token.filler ? "filler: vLLM put it in without asking the draft" : null,
    why(token, pieces),
    `step ${token.step.index + 1}${place}`,
  ].filter(Boolean).join(" · ");
}

// "rejected, proposed “the”, verifier chose “a”"
export function label(token, pieces) {
  const own = quoted(pieces.alone(token.id));
  const what = token.verdict === "rejected" || token.verdict === "discarded" ? `proposed ${own}` : own;
  const filler = token.filler ? "filler" : null;
  return [name(token), filler, what, instead(token, pieces)].filter(Boolean).join(", ");
}

function count(number, noun, plural = "s") {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : plural}`;
}

// "48 verifier passes wrote 120 tokens"
export function headline({ numPasses, numTokens }) {
  return `${count(numPasses, "verifier pass", "es")} wrote ${count(numTokens, "token")}`;
}

// "Why is the sky blue? (200 tokens)"
export function requestLine(prompt, outcome) {
  return `${prompt.replaceAll(/\s+/g, " ").slice(0, 80)} (${outcome})`;
}
