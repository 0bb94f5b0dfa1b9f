"""What became of each token of a step, as typed data. Every view in Python reads verdicts from here."""

from dataclasses import dataclass
from typing import Literal

from eagle3_viz.events import Step

ProposedVerdict = Literal["accepted", "rejected", "discarded"]
EmittedVerdict = Literal["accepted", "correction", "bonus", "unspeculated"]


@dataclass(frozen=True, slots=True)
class ProposedToken:
    """A proposed token and what the verifier made of it; `filler` where nobody drafted it."""

    token_id: int
    position: int  # in the proposal, from 0
    verdict: ProposedVerdict
    filler: bool = False


@dataclass(frozen=True, slots=True)
class EmittedToken:
    """A token that came out of a step; `cut` where a stop removed it from the text."""

    token_id: int
    position: int  # in what the step emitted, from 0
    verdict: EmittedVerdict
    cut: bool = False


def proposed_tokens(step: Step) -> list[ProposedToken]:
    """The proposal: accepted up to the first mismatch, which is rejected; what follows it was never judged."""
    return [
        ProposedToken(token.id, position, _proposed_verdict(step, position), token.origin == "filler")
        for position, token in enumerate(step.proposed)
    ]


def emitted_tokens(step: Step) -> list[EmittedToken]:
    """What the step emitted, cut tokens included."""
    kept = len(step.emitted) - step.num_cut
    return [
        EmittedToken(token_id, position, _emitted_verdict(step, position), position >= kept)
        for position, token_id in enumerate(step.emitted)
    ]


def _proposed_verdict(step: Step, position: int) -> ProposedVerdict:
    if position < step.num_accepted:
        return "accepted"
    return "rejected" if position == step.num_accepted else "discarded"


def _emitted_verdict(step: Step, position: int) -> EmittedVerdict:
    if not step.proposed:
        return "unspeculated"
    if position < step.num_accepted:
        return "accepted"
    return "correction" if step.num_accepted < len(step.proposed) else "bonus"
