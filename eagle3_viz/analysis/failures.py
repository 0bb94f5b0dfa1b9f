"""What rejections cost, by cause and by what stands there. `failures.js` is its twin.

The cost of a rejection is what its step lost by it: the proposed tokens that were not accepted. With the tokens that
were not proposed at all (a grammar cut the proposal), the costs of all causes are, by construction, the gap between the
measured mean acceptance length and the perfect one, K + 1. A length "without" a cause is therefore the most that could
be had: it takes the rest of each proposal to be accepted, and its cause to be gone without another in its place.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from eagle3_viz.analysis.acceptance import ratio
from eagle3_viz.analysis.causes import CAUSES, Cause, Rejection
from eagle3_viz.analysis.places import GROUPS, Place
from eagle3_viz.counting import Tally
from eagle3_viz.events import Step

MOST_TOKENS = 20


@dataclass(slots=True)
class Cost:
    """Rejections, and the tokens that their steps lost by them."""

    count: int = 0
    lost: int = 0

    def add(self, rejection: Rejection) -> None:
        """Count one more."""
        self.count += 1
        self.lost += rejection.lost


@dataclass(slots=True)
class Group:
    """Judged positions that have something in common, and those of them that were rejected."""

    judged: int = 0
    cost: Cost = field(default_factory=Cost)
    causes: Counter[Cause] = field(default_factory=Counter)

    def add(self, rejection: Rejection | None) -> None:
        """Count one more."""
        self.judged += 1
        if rejection:
            self.cost.add(rejection)
            self.causes[rejection.cause] += 1


@dataclass(slots=True)
class TokenCost:
    """What the rejections cost that a token of the verifier stands in the place of, and where the first of them is."""

    token_id: int
    request_id: str
    step: int
    cost: Cost = field(default_factory=Cost)


class Failures:
    """The figures of some steps: fed one by one, at the same cost for each.

    Attributes:
        tally: of the steps.
        causes: every cause that was looked for, in order.
        ranks: of the rejections that are `ranked_low`, by the rank of the verifier's token.
        groups: by facet and group, those that occur.
        tokens: by the id of the verifier's token.
    """

    def __init__(self, causes: Sequence[Cause] = CAUSES) -> None:
        self.tally = Tally()
        self.causes: dict[Cause, Cost] = {cause: Cost() for cause in causes}
        self.ranks: Counter[int] = Counter()
        self.groups: dict[str, dict[str, Group]] = {facet: {} for facet in GROUPS}
        self.tokens: dict[int, TokenCost] = {}

    def add(self, step: Step, places: Sequence[Place], found: Rejection | None) -> None:
        """Count a step; `places` are its judged positions, the last of them the rejection where one was found."""
        self.tally.add(step)
        for number, place in enumerate(places, 1):
            for facet, group in place._asdict().items():
                self.groups[facet].setdefault(group, Group()).add(found if number == len(places) else None)
        if not found:
            return
        self.causes[found.cause].add(found)
        token = TokenCost(found.token_id, step.request_id, step.index)
        self.tokens.setdefault(found.token_id, token).cost.add(found)
        if found.cause == "ranked_low" and found.rank:
            self.ranks[found.rank] += 1

    @property
    def num_rejections(self) -> int:
        """Of all causes."""
        return sum(cost.count for cost in self.causes.values())

    def length_without(self, lost: int) -> float | None:
        """The mean acceptance length, had `lost` more tokens been accepted; None where nothing was proposed."""
        rate = ratio(self.tally.num_accepted_tokens + lost, self.tally.num_drafts)
        return None if rate is None else 1 + rate

    def not_proposed(self, num_speculative_tokens: int) -> int:
        """Tokens by which proposals were shorter than K."""
        return num_speculative_tokens * self.tally.num_drafts - self.tally.num_draft_tokens

    def ordered(self, facet: str) -> list[tuple[str, Group]]:
        """A facet's groups that occur, in the order in which they are shown."""
        groups = self.groups[facet]
        return [(name, groups[name]) for name in GROUPS[facet] if name in groups]

    def costliest(self) -> list[TokenCost]:
        """The tokens that cost most, the costliest first, at most `MOST_TOKENS`."""
        ordered = sorted(self.tokens.values(), key=lambda one: (-one.cost.lost, -one.cost.count, one.token_id))
        return ordered[:MOST_TOKENS]
