// What tokens look like: plain text, half characters that need their neighbours, special tokens. And whether the draft
// can propose them.

const REPLACEMENT = "\uFFFD";

function bytesOf(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

export class Pieces {
  constructor() {
    this.pieces = new Map();
    this.decoder = new TextDecoder();
    this.open = false; // a character has begun and is not complete
    this.begin({});
  }

  begin({ vocab_size: size, draft_vocab_size: draftSize, draft_vocabulary: bits }) {
    this.draftable = bits == null ? null : bytesOf(bits);
    this.allDraftable = bits == null && draftSize != null && draftSize === size;
  }

  // Whether the draft's vocabulary has a token: true, false, or null where the trace does not say. See
  // `eagle3_viz/draft_vocabulary.py`.
  inDraftVocabulary(id) {
    if (!this.draftable) return this.allDraftable || null;
    return id >= 0 && ((this.draftable[id >> 3] ?? 0) >> (id & 7)) % 2 === 1;
  }

  add(pieces) {
    for (const [id, piece] of Object.entries(pieces)) this.pieces.set(Number(id), piece);
  }

  // As the trace holds it.
  get(id) {
    return this.pieces.get(id);
  }

  // A token on its own, as {text, kind}; kind is "text", "half" (bytes in hexadecimal), "special" or "none".
  alone(id) {
    const piece = this.get(id);
    if (typeof piece === "string") return { text: piece, kind: "text" };
    if (piece?.special !== undefined) return { text: piece.special, kind: "special" };
    if (piece?.bytes === undefined) return { text: id < 0 ? "nothing" : `#${id}`, kind: "none" };
    const hex = Array.from(bytesOf(piece.bytes), (byte) => byte.toString(16).padStart(2, "0").toUpperCase());
    return { text: hex.join(" "), kind: "half" };
  }

  // The next token of the text. A half character yields "" until its last half comes, which then shows it whole.
  // `before` is what an unfinished character before this token turned out to be: broken.
  next(id) {
    const piece = this.pieces.get(id);
    if (piece?.bytes !== undefined) {
      const text = this.decoder.decode(bytesOf(piece.bytes), { stream: true });
      this.open = text === "" || text.endsWith(REPLACEMENT);
      return { text, kind: "half", before: "" };
    }
    const before = this.open ? this.decoder.decode() : "";
    this.open = false;
    return { ...this.alone(id), before };
  }
}

// For one-line summaries: blanks and line breaks made visible.
export function quoted({ text, kind }) {
  if (kind === "half") return `half a character (${text})`;
  if (kind !== "text") return text;
  return `“${text.replaceAll("\n", "⏎").replaceAll("\t", "⇥").replace(/^ | $/g, "␣")}”`;
}
