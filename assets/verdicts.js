// The words for what became of a token, and which word fits which token of a step.

// In the order of the legend. `ghost`: not part of the text.
export const VERDICTS = {
  accepted: { glyph: "✓", sentence: "The draft guessed it and the verifier agreed." },
  correction: { glyph: "→", sentence: "The verifier’s own token, in place of the guess it rejected." },
  bonus: { glyph: "+", sentence: "Every guess was right, so the verifier’s next token came for free." },
  unspeculated: { glyph: "○", sentence: "Written by the verifier alone; there was no guess to check." },
  rejected: { glyph: "✗", sentence: "The first guess that the verifier disagreed with.", ghost: true },
  discarded: { glyph: "–", sentence: "Guessed after a rejected one: thrown away, never checked.", ghost: true },
  cut: { glyph: "✂\uFE0E", sentence: "Came after the point where the answer stopped.", ghost: true },
  filler: { glyph: "∅", sentence: "A placeholder that vLLM put in without asking the draft.", ghost: true, mark: true },
};

const ORDINALS = ["1st", "2nd", "3rd"];

export function ordinal(position) {
  return ORDINALS[position] ?? `${position + 1}th`;
}

// One record a token, in reading order: what was accepted, what the draft had wanted instead, what the verifier wrote.
export function tokensOf(step) {
  const { proposed = [], emitted, num_accepted: accepted, num_cut: cut = 0, verifier = [] } = step;
  const kept = emitted.length - cut;
  const token = (id, verdict, position) => ({
    id,
    verdict,
    position,
    step,
    proposed: proposed[position] ?? null,
    judged: verdict === "discarded" ? null : (verifier[position] ?? null),
    filler: verdict !== "correction" && proposed[position]?.origin === "filler",
  });
  const out = (position, verdict) => {
    const record = token(emitted[position], verdict, position);
    return position < kept ? record : { ...record, verdict: "cut", was: verdict };
  };
  const last = proposed.length === 0 ? "unspeculated" : accepted < proposed.length ? "correction" : "bonus";
  return [
    ...emitted.slice(0, accepted).map((_, position) => out(position, "accepted")),
    ...proposed.slice(accepted).map((guess, i) => token(guess.id, i === 0 ? "rejected" : "discarded", accepted + i)),
    out(accepted, last),
  ];
}

export function isGhost(token) {
  return Boolean(VERDICTS[token.verdict].ghost);
}
