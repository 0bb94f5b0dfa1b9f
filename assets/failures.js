// What rejections cost, by cause and by what stands there. Twin of `analysis/failures.py`, which says why costs add up.

import { CAUSE_NAMES, rejectionOf } from "./causes.js";
import { Answer, FACETS } from "./places.js";

const MOST_TOKENS = 20;
const cost = () => ({ count: 0, lost: 0 });

function addTo(sum, { lost }) {
  sum.count += 1;
  sum.lost += lost;
}

// What the figures need to know of the next step of an answer.
export function factsOf(step, answer, pieces) {
  return { places: answer.places(step, pieces), rejection: rejectionOf(step, pieces) };
}

// All steps of a request, each with its facts.
export function withFacts(started, steps, pieces) {
  const answer = new Answer(started);
  return steps.map((step) => [step, factsOf(step, answer, pieces)]);
}

// The figures of some steps: fed one by one, at the same cost for each.
export class Failures {
  constructor() {
    this.numRejections = 0;
    this.causes = Object.fromEntries(CAUSE_NAMES.map((name) => [name, cost()]));
    this.ranks = new Map(); // of those that are ranked low, by the rank of the verifier's token
    this.groups = Object.fromEntries(Object.keys(FACETS).map((facet) => [facet, new Map()]));
    this.tokens = new Map(); // by the id of the verifier's token
  }

  // `places`: of the step's judged positions, the last of them the rejection where there is one.
  add({ index }, places, rejection) {
    places.forEach((place, i) => this.addPlace(place, i === places.length - 1 ? rejection : null));
    if (!rejection) return;
    this.numRejections += 1;
    addTo(this.causes[rejection.cause], rejection);
    const token = this.tokens.get(rejection.id) ?? { id: rejection.id, steps: [], ...cost() };
    this.tokens.set(rejection.id, token);
    token.steps.push(index);
    addTo(token, rejection);
    if (rejection.cause === "ranked_low") this.ranks.set(rejection.rank, (this.ranks.get(rejection.rank) ?? 0) + 1);
  }

  addPlace(place, rejection) {
    for (const [facet, name] of Object.entries(place)) {
      const group = this.groups[facet].get(name) ?? { judged: 0, causes: {}, ...cost() };
      this.groups[facet].set(name, group);
      group.judged += 1;
      if (!rejection) continue;
      addTo(group, rejection);
      group.causes[rejection.cause] = (group.causes[rejection.cause] ?? 0) + 1;
    }
  }

  // [name, {judged, count, lost, causes}] of a facet's groups that occur.
  ordered(facet) {
    return FACETS[facet].groups.filter((name) => this.groups[facet].has(name)).map((name) => [name, this.groups[facet].get(name)]);
  }

  // {id, count, lost, steps} of the tokens that cost most, the costliest first.
  costliest() {
    const tokens = [...this.tokens.values()];
    return tokens.sort((a, b) => b.lost - a.lost || b.count - a.count || a.id - b.id).slice(0, MOST_TOKENS);
  }
}
