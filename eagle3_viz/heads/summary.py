"""Figures of a head over all positions of the verifier's text, by depth."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from eagle3_viz.analysis.acceptance import Rates, rates
from eagle3_viz.events import Counters
from eagle3_viz.heads import paired
from eagle3_viz.heads.groups import Group, PieceOf, groups
from eagle3_viz.heads.guesses import Guesses
from eagle3_viz.heads.paired import Estimate
from eagle3_viz.heads.verifier import Text

BINS = 10  # of the draft's confidence
RANKS = (1, 2, 5, 10, 100)  # the wanted token is among so many


@dataclass(frozen=True)
class Bin:
    """Guesses that the draft was about as sure of: how many, how sure on average, how often right."""

    count: int
    confidence: float
    agreement: float


@dataclass(frozen=True)
class Depth:
    """One depth over all positions.

    Attributes:
        agreement: share of guesses that are the verifier's most likely token.
        agreement_given_prefix: the same over the positions where every earlier guess was what the verifier wrote.
        kl: mean KL of the draft from the verifier within the draft vocabulary, nats.
        within_rank: by number the share of positions where the wanted token is among so many of the draft's likeliest.
        outside_vocabulary: share of positions whose wanted token the head cannot propose.
        calibration: guesses by the draft's confidence, ten bins from 0 to 1; empty ones are None.
        calibration_error: mean distance of confidence and agreement, weighted by the bins' counts.
    """

    agreement: Estimate
    agreement_given_prefix: float | None
    kl: float
    within_rank: dict[int, float]
    outside_vocabulary: float
    calibration: list[Bin | None]
    calibration_error: float


@dataclass(frozen=True)
class Summary:
    """A head over texts.

    Attributes:
        num_texts, num_positions: what it was asked about.
        depths: figures by depth.
        predicted: acceptance if a step began at every position alike.
        predicted_along_path: acceptance if steps follow each other as in a run, from the first position on.
        mean_acceptance_length: of `predicted`, with its interval.
        groups: depth 0 by kind of token, entropy, position and context.
    """

    num_texts: int
    num_positions: int
    depths: list[Depth]
    predicted: Rates
    predicted_along_path: Rates
    mean_acceptance_length: Estimate
    groups: dict[str, dict[str, Group]]


def summarize(found: Guesses, texts: Sequence[Text], piece_of: PieceOf) -> Summary:
    """The figures of what a head guessed over texts, whose tokens `piece_of` spells."""
    text, chain = found.text.cpu().numpy(), found.chain.cpu().numpy()
    length = paired.mean(1.0 + chain.sum(1), text)
    return Summary(
        num_texts=len(np.unique(text)),
        num_positions=len(text),
        depths=[of_depth(found, d) for d in range(chain.shape[1])],
        predicted=as_rates(chain),
        predicted_along_path=as_rates(chain[path(text, chain)]),
        mean_acceptance_length=length,
        groups=groups(found, texts, piece_of),
    )


def of_depth(found: Guesses, depth: int) -> Depth:
    """The figures of one depth."""
    text, agrees = found.text.cpu().numpy(), found.agrees.cpu().numpy()[:, depth]
    rank, confidence = found.rank.cpu().numpy()[:, depth], found.confidence.cpu().float().numpy()[:, depth]
    before = found.alive.cpu().numpy()[:, depth]
    bins = calibration(confidence, agrees)
    error = sum(each.count * abs(each.confidence - each.agreement) for each in bins if each) / len(agrees)
    return Depth(
        agreement=paired.mean(agrees.astype(float), text),
        agreement_given_prefix=float(agrees[before].mean()) if before.any() else None,
        kl=float(found.kl[:, depth].mean()),
        within_rank={most: float(((rank > 0) & (rank <= most)).mean()) for most in RANKS},
        outside_vocabulary=float((rank == 0).mean()),
        calibration=bins,
        calibration_error=float(error),
    )


def calibration(confidence: Any, agrees: Any) -> list[Bin | None]:
    """Guesses by confidence (N,), and whether they agree (N,)."""
    place = np.minimum((confidence * BINS).astype(int), BINS - 1)
    return [
        Bin(int(here.sum()), float(confidence[here].mean()), float(agrees[here].mean())) if here.any() else None
        for here in (place == number for number in range(BINS))
    ]


def path(text: Any, chain: Any) -> list[int]:
    """The rows where steps begin in a run: each begins behind what the one before it emitted. Rows of a text follow
    each other without gaps."""
    rows, row = [], 0
    while row < len(text):
        rows.append(row)
        behind = row + int(chain[row].sum()) + 1
        while row < min(behind, len(text)) and text[row] == text[rows[-1]]:
            row += 1
    return rows


def as_rates(chain: Any) -> Rates:
    """Rates as vLLM counts them, of steps that begin at each row of `chain` (N, D)."""
    per_pos = [int(count) for count in chain.sum(0)]
    number, depth = chain.shape
    return rates(
        Counters(
            num_drafts=number,
            num_draft_tokens=number * depth,
            num_accepted_tokens=sum(per_pos),
            num_accepted_tokens_per_pos=per_pos,
        )
    )


def as_json(summary: Summary) -> dict[str, Any]:
    """For `--json`."""
    return asdict(summary)
