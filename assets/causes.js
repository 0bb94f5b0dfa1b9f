// Why a proposal was rejected: one cause for every rejection, from the trace alone. Twin of `analysis/causes.py`, which
// says more; docs/design.md has the definitions.

const UNDECIDED_NATS = 0.2; // between the verifier's first and second choice: the second at least 82 % as likely

// In the order in which they are tried: the first that holds is the cause.
export const CAUSES = {
  filler: { name: "filler", glyph: "∅", sentence: "Nobody drafted it: vLLM put in a placeholder." },
  outside_vocabulary: { name: "outside the vocabulary", glyph: "⊘", sentence: "The draft’s vocabulary lacks the verifier’s token." },
  undecided: { name: "verifier undecided", glyph: "≈", sentence: "The verifier’s first two choices are within 0.2 nats of each other." },
  bad_luck: { name: "bad luck", glyph: "%", sentence: "Both had the same favourite; sampling, a penalty or a grammar took another token." },
  ranked_low: { name: "ranked low", glyph: "↓", sentence: "The verifier’s token is among the draft’s candidates, but not the one it proposed." },
  confidently_wrong: { name: "confidently wrong", glyph: "!", sentence: "The verifier’s token is not even among the draft’s candidates." },
  unknown: { name: "unknown", glyph: "?", sentence: "The trace lacks what is needed to tell." },
};
export const CAUSE_NAMES = Object.keys(CAUSES);

// {position, id, cause, rank, lost}: `id` is what the verifier wrote in its place, `lost` the tokens of the proposal that
// were not accepted; null where nothing was rejected.
export function rejectionOf(step, pieces) {
  const { proposed = [], verifier = [], emitted, num_accepted: position } = step;
  if (position >= proposed.length) return null;
  const id = emitted[position];
  const guess = proposed[position];
  const rank = (guess.top ?? []).findIndex(([other]) => other === id) + 1 || null;
  const cause = causeOf(guess, verifier[position]?.top ?? [], rank, () => pieces.inDraftVocabulary(id));
  return { position, id, cause, rank, lost: proposed.length - position };
}

function causeOf({ origin, top = [] }, verifierTop, rank, inDraftVocabulary) {
  if (origin === "filler") return "filler";
  const known = rank ? true : inDraftVocabulary();
  if (known === false) return "outside_vocabulary";
  const undecided = isUndecided(verifierTop);
  if (known === null || undecided === null) return "unknown";
  if (undecided) return "undecided";
  if (!top.length) return "unknown";
  if (top[0][0] === verifierTop[0][0]) return "bad_luck";
  return rank ? "ranked_low" : "confidently_wrong";
}

function isUndecided([first, second]) {
  const [a, b] = [first?.[1] ?? null, second?.[1] ?? null];
  return a === null || b === null ? null : a - b <= UNDECIDED_NATS;
}
