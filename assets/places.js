// What stands at a judged position, in groups. Twin of `analysis/places.py`.

import { KINDS, Reading } from "./kinds.js";

const ENTROPY_BOUNDS = [0.1, 0.5, 1.5, 3]; // nats
const ENTROPIES = ["below 0.1 nats", "0.1 to 0.5", "0.5 to 1.5", "1.5 to 3", "3 and more", "unknown"];
const LENGTH_BOUNDS = [16, 64, 256, 1024, 4096]; // tokens
const LENGTHS = ["0 to 15", "16 to 63", "64 to 255", "256 to 1,023", "1,024 to 4,095", "4,096 and more"];

// Every facet's groups in the order in which they are shown.
export const FACETS = {
  kind: { title: "kind of the verifier’s token", groups: KINDS },
  entropy: { title: "verifier’s entropy", groups: ENTROPIES },
  output_position: { title: "position in the answer", groups: LENGTHS },
  context_length: { title: "tokens before it", groups: LENGTHS },
};

const group = (names, bounds, value) => names[bounds.filter((bound) => value >= bound).length];

// One request's answer, read step by step. `started` is its first event.
export class Answer {
  constructor({ token_ids: ids = [], images = [] }) {
    this.promptLength = ids.length;
    this.reading = new Reading(images.length > 0);
  }

  // The groups of each judged position of the next step, by facet.
  places({ proposed = [], emitted, verifier = [], num_accepted: accepted, output_start: start }, pieces) {
    const judged = Math.min(accepted + 1, proposed.length);
    return emitted.flatMap((id, offset) => {
      const piece = pieces.get(id);
      const found = offset < judged ? [this.place(piece, start + offset, verifier[offset]?.entropy)] : [];
      this.reading.read(piece);
      return found;
    });
  }

  place(piece, position, entropy) {
    return {
      kind: this.reading.kind(piece, position),
      entropy: entropy == null ? ENTROPIES.at(-1) : group(ENTROPIES, ENTROPY_BOUNDS, entropy),
      output_position: group(LENGTHS, LENGTH_BOUNDS, position),
      context_length: group(LENGTHS, LENGTH_BOUNDS, this.promptLength + position),
    };
  }
}
