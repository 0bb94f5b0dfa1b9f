// One selected token, from both sides: what the draft believed, what the verifier believed, and what came of it.

import { CAUSES } from "./causes.js";
import { make } from "./dom.js";
import { quoted } from "./pieces.js";
import { isGhost, tokensOf } from "./verdicts.js";
import { percent, share, summary } from "./words.js";

const UNRECORDED = "Its candidates were not recorded.";

export class Inspector {
  // `choose(index)` selects another token of the lane. `branch(position, id)`, where there is one to call, continues
  // the run from a position of its answer with another token.
  constructor(root, choose) {
    this.root = root;
    this.choose = choose;
    this.branch = null;
  }

  show(token, pieces, index) {
    this.root.hidden = !token;
    if (!token) return;
    const focused = this.root.contains(document.activeElement);
    const close = make("button", "e3-close", "×");
    close.type = "button";
    close.setAttribute("aria-label", "Close the details of this token");
    close.addEventListener("click", () => this.choose(null));
    this.root.replaceChildren(
      close,
      make("p", "e3-picked", summary(token, pieces)),
      ...badge(writtenAt(token), pieces),
      this.chain(token, pieces, index),
      this.sides(token, pieces),
      ...this.numbers(token, pieces),
    );
    if (focused) this.root.querySelector("[aria-current]")?.focus();
  }

  // The step around the token: what was proposed and judged, and what came out, in order.
  chain(token, pieces, index) {
    const chain = make("div", "e3-chain");
    const all = tokensOf(token.step);
    const first = index - all.findIndex((other) => other.position === token.position && other.verdict === token.verdict);
    chain.append(make("span", "e3-chainname", `step ${token.step.index + 1}`));
    all.forEach((other, i) => {
      const link = make("button", `e3-t ${other.verdict}${isGhost(other) ? " ghost" : ""}${other.filler ? " filler" : ""}`, quoted(pieces.alone(other.id)));
      link.type = "button";
      link.setAttribute("aria-label", `${other.verdict} ${quoted(pieces.alone(other.id))}`);
      if (first + i === index) link.setAttribute("aria-current", "true");
      link.addEventListener("click", () => this.choose(first + i));
      chain.append(link);
    });
    return chain;
  }

  sides(token, pieces) {
    const sides = make("div", "e3-sides");
    sides.append(
      this.side("The draft believed", {
        top: token.proposed?.top, chosen: token.proposed?.id, mark: "its guess", nothing: token.proposed && !token.filler ? UNRECORDED : "No guess was made here.",
      }, token, pieces),
      this.side("The verifier believed", {
        top: token.judged?.top, chosen: writtenAt(token), mark: "its choice", nothing: token.verdict === "discarded" ? "It never looked at this position." : UNRECORDED,
      }, token, pieces),
    );
    return sides;
  }

  // A button that continues the run from here with another token.
  other(id, token, pieces) {
    const button = make("button", "e3-branch", "↳");
    button.type = "button";
    button.title = `Continue from here with ${quoted(pieces.alone(id))}`;
    button.setAttribute("aria-label", button.title);
    button.addEventListener("click", () => this.branch(token.step.output_start + token.position, id));
    return button;
  }

  side(title, { top, chosen, mark, nothing }, token, pieces) {
    const { emitted, num_cut: cut = 0 } = token.step;
    const written = writtenAt(token);
    const canBranch = this.branch && written !== undefined && token.position <= emitted.length - cut;
    const side = make("div", "e3-side");
    side.append(make("h4", "", title));
    if (!top?.length) side.append(make("p", "e3-nothing", nothing));
    for (const [id, logprob] of top ?? []) {
      const row = make("div", `e3-row${id === chosen ? " chosen" : ""}`);
      const bar = make("span", "e3-rowbar");
      bar.style.width = `${100 * Math.exp(logprob ?? -Infinity)}%`;
      row.append(bar, make("span", "e3-rowtext", quoted(pieces.alone(id))), make("span", "e3-rownumber", percent(logprob) ?? "?"));
      if (id === chosen) row.setAttribute("title", mark);
      if (pieces.inDraftVocabulary(id) === false) row.append(make("span", "e3-outside", "∉ draft", { title: "outside the draft vocabulary" }));
      if (canBranch && id !== written) row.append(this.other(id, token, pieces));
      side.append(row);
    }
    return side;
  }

  // The acceptance test, where there was one, and how each side ranks the other's choice.
  numbers(token, pieces) {
    const { judged, proposed, step } = token;
    const written = writtenAt(token);
    const lines = [];
    if (judged?.accept_probability != null && token.position < step.proposed.length) {
      const rule = step.rule === "greedy" ? "greedy rule: the guess must be the verifier’s likeliest token" : `${step.rule} rule`;
      lines.push(`Chance of being accepted: ${share(judged.accept_probability)} (${rule}).`);
    }
    if (proposed && judged && written !== undefined && written !== proposed.id) {
      lines.push(`The verifier’s ${quoted(pieces.alone(written))} is ${rank(proposed.top, written)} for the draft; the draft’s ${quoted(pieces.alone(proposed.id))} is ${rank(judged.top, proposed.id)} for the verifier.`);
    }
    if (token.cause) lines.push(`Why it was rejected: ${CAUSES[token.cause].name}. ${CAUSES[token.cause].sentence}`);
    if (judged?.entropy != null) lines.push(`Verifier’s entropy: ${judged.entropy.toFixed(2)} nats.`);
    if (isGhost(token)) lines.push("Not part of the text.");
    return lines.map((line) => make("p", "e3-test", line));
  }
}

// The id that stands in the text at the token's position; undefined where the verifier never looked.
function writtenAt(token) {
  return token.verdict === "discarded" ? undefined : token.step.emitted[token.position];
}

// That the draft could not have proposed the verifier's token. Where the trace does not say, nothing is claimed.
function badge(written, pieces) {
  if (written === undefined || pieces.inDraftVocabulary(written) !== false) return [];
  return [make("p", "e3-badge", "outside the draft vocabulary", { title: `The draft’s vocabulary does not have ${quoted(pieces.alone(written))}: it could not have proposed it.` })];
}

// "number 3", or that it is not among those recorded.
function rank(top, id) {
  if (!top?.length) return "of unknown rank";
  const place = top.findIndex(([other]) => other === id);
  return place < 0 ? `not among the first ${top.length}` : `number ${place + 1}`;
}
