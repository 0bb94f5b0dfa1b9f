// One selected token, from both sides: what the draft believed, what the verifier believed, and what came of it.

import { quoted } from "./pieces.js";
import { isGhost } from "./verdicts.js";
import { percent, summary } from "./words.js";

function make(tag, className, text) {
  const node = document.createElement(tag);
  node.className = className;
  if (text) node.textContent = text;
  return node;
}

export class Inspector {
  constructor(root) {
    this.root = root;
  }

  show(token, pieces) {
    this.root.hidden = !token;
    if (!token) return;
    const close = make("button", "e3-close", "×");
    close.type = "button";
    close.setAttribute("aria-label", "Close the details of this token");
    close.addEventListener("click", () => this.show(null));
    this.root.replaceChildren(
      close,
      make("p", "e3-picked", summary(token, pieces)),
      this.sides(token, pieces),
      ...this.test(token),
    );
  }

  sides(token, pieces) {
    const sides = make("div", "e3-sides");
    const { step, position } = token;
    const guess = token.proposed?.id;
    const written = token.verdict === "discarded" ? undefined : step.emitted[position];
    sides.append(
      this.side("The draft believed", token.proposed?.top, guess, "its guess", pieces, "No guess was made here."),
      this.side("The verifier believed", token.judged?.top, written, "its choice", pieces, "It never looked at this position."),
    );
    return sides;
  }

  side(title, top, chosen, mark, pieces, nothing) {
    const side = make("div", "e3-side");
    side.append(make("h4", "", title));
    if (!top?.length) side.append(make("p", "e3-nothing", nothing));
    for (const [id, logprob] of top ?? []) {
      const row = make("div", `e3-row${id === chosen ? " chosen" : ""}`);
      const bar = make("span", "e3-rowbar");
      bar.style.width = `${100 * Math.exp(logprob ?? -Infinity)}%`;
      row.append(bar, make("span", "e3-rowtext", quoted(pieces.alone(id))), make("span", "e3-rownumber", percent(logprob) ?? "?"));
      if (id === chosen) row.setAttribute("title", mark);
      side.append(row);
    }
    return side;
  }

  // The acceptance test, where there was one.
  test(token) {
    const { judged, step } = token;
    const lines = [];
    if (judged?.accept_probability != null && token.position < step.proposed.length) {
      const rule = step.rule === "greedy" ? "greedy rule: the guess must be the verifier’s likeliest token" : `${step.rule} rule`;
      lines.push(`Chance of being accepted: ${(100 * judged.accept_probability).toFixed(0)} % (${rule}).`);
    }
    if (judged?.entropy != null) lines.push(`Verifier’s entropy: ${judged.entropy.toFixed(2)} nats.`);
    if (isGhost(token)) lines.push("Not part of the text.");
    return lines.map((line) => make("p", "e3-test", line));
  }
}
