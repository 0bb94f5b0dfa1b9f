// What kind of token stands in a text: told by its piece and by what stands before it. Twin of `analysis/kinds.py`.

// In the order in which they are shown.
export const KINDS = ["special", "near image", "code", "part of a character", "space and newline", "digit", "punctuation", "word start", "word inside", "unknown"];
const NEAR_IMAGE = 16; // the first tokens of an answer to a prompt with an image
const FENCE = 3; // backticks that open and close a block of code
const LETTER = /\p{L}/u;
const BLANK_ENDS = /^[ \t\r\n]+|[ \t\r\n]+$/g;

export class Reading {
  constructor(hasImage) {
    this.hasImage = hasImage;
    this.inCode = false;
    this.backticks = 0; // that the text ends with, those of the last fence left out
    this.afterLetter = false;
  }

  // Of the token that would come next; `piece` as the trace holds it.
  kind(piece, outputPosition) {
    if (piece === undefined) return "unknown";
    if (piece.special !== undefined) return "special";
    if (this.hasImage && outputPosition < NEAR_IMAGE) return "near image";
    if (this.inCode) return "code";
    return typeof piece === "string" ? this.kindOfText(piece) : "part of a character";
  }

  kindOfText(text) {
    const core = text.replace(BLANK_ENDS, "");
    if (!core) return "space and newline";
    if (LETTER.test(core)) return this.afterLetter && LETTER.test([...text][0]) ? "word inside" : "word start";
    return /\p{Nd}/u.test(core) ? "digit" : "punctuation";
  }

  // Go on behind the next token.
  read(piece) {
    const text = typeof piece === "string" ? [...piece] : [];
    this.afterLetter = LETTER.test(text.at(-1) ?? "");
    for (const character of text.length ? text : [" "]) {
      this.backticks = character === "`" ? this.backticks + 1 : 0;
      if (this.backticks === FENCE) {
        this.inCode = !this.inCode;
        this.backticks = 0;
      }
    }
  }
}
