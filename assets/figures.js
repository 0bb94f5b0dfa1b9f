// From steps to figures: counts, rates with their denominators, and series. `analysis/` has the same for Python;
// tests hold the two together. Nothing else on the page divides.

import { Failures } from "./failures.js";

const Z = 1.959963984540054; // 97.5 % of a standard normal distribution lie below it
const WINDOW = 32; // judged steps that the rolling mean looks back on

export function ratio(part, whole) {
  return whole ? part / whole : null;
}

// Wilson's 95 % interval of `part` of `whole`, as [low, high]; null where `whole` is 0.
export function wilson(part, whole) {
  if (!whole) return null;
  const rate = part / whole;
  const shrink = 1 + (Z * Z) / whole;
  const centre = (rate + (Z * Z) / (2 * whole)) / shrink;
  const half = (Z * Math.sqrt((rate * (1 - rate)) / whole + (Z * Z) / (4 * whole * whole))) / shrink;
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
}

// The figures of a run, or of a stretch of it: fed step by step, at the same cost for each.
export class Figures {
  constructor(k) {
    this.k = k;
    this.failures = new Failures();
    this.numPasses = 0;
    this.numTokens = 0; // of the text: cut ones are not
    this.numDrafts = 0;
    this.numDraftTokens = 0;
    this.numAccepted = 0;
    this.acceptedPerPosition = Array(k).fill(0);
    this.lengths = Array(k + 1).fill(0); // lengths[n]: judged steps that accepted n tokens
    this.rolling = []; // [output position, mean acceptance length of the last judged steps]
    this.times = []; // [step, draft ms, verify ms]
    this.recent = [];
    this.recentSum = 0;
  }

  // `steps`: [step, facts] pairs, as `add` takes them.
  static of(k, steps) {
    const figures = new Figures(k);
    for (const pair of steps) figures.add(...pair);
    return figures;
  }

  // `facts`: {places, rejection}, what is known of the step's judged positions.
  add(step, { places, rejection }) {
    this.failures.add(step, places, rejection);
    const { proposed = [], emitted, num_accepted: accepted, num_cut: cut = 0, ms = {} } = step;
    this.numPasses += 1;
    this.numTokens += emitted.length - cut;
    if (ms.draft != null || ms.verify != null) this.times.push([step.index + 1, ms.draft ?? null, ms.verify ?? null]);
    if (!proposed.length) return;
    this.numDrafts += 1;
    this.numDraftTokens += proposed.length;
    this.numAccepted += accepted;
    for (let position = 0; position < accepted; position += 1) this.acceptedPerPosition[position] += 1;
    this.lengths[accepted] += 1;
    this.roll(step.output_start, accepted);
  }

  roll(position, accepted) {
    this.recent.push(accepted);
    this.recentSum += accepted;
    if (this.recent.length > WINDOW) this.recentSum -= this.recent.shift();
    this.rolling.push([position, 1 + this.recentSum / this.recent.length]);
  }

  get tokensPerPass() {
    return ratio(this.numTokens, this.numPasses);
  }

  get meanAcceptanceLength() {
    return lengthWithout(this, 0);
  }

  // For each position: accepted there, of how many, under both denominators.
  positions() {
    return this.acceptedPerPosition.map((accepted, position) => {
      const prefix = position ? this.acceptedPerPosition[position - 1] : this.numDrafts;
      return {
        accepted,
        perDraft: { of: this.numDrafts, rate: ratio(accepted, this.numDrafts), interval: wilson(accepted, this.numDrafts) },
        givenPrefix: { of: prefix, rate: ratio(accepted, prefix), interval: wilson(accepted, prefix) },
      };
    });
  }
}

// The mean acceptance length, had `lost` more tokens been accepted.
export function lengthWithout({ numAccepted, numDrafts }, lost) {
  return numDrafts ? 1 + (numAccepted + lost) / numDrafts : null;
}

// A series of [x, y, ...] thinned to at most `most` points, each the mean of its neighbours: what a chart can show.
export function thinned(series, most = 400) {
  const size = Math.ceil(series.length / most);
  if (size <= 1) return series;
  const groups = Array.from({ length: Math.ceil(series.length / size) }, (_, i) => series.slice(i * size, (i + 1) * size));
  return groups.map((group) => group[0].map((_, column) => mean(group.map((row) => row[column]))));
}

function mean(values) {
  const known = values.filter((value) => value !== null);
  return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
}
