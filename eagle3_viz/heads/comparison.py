"""Two heads, or two settings of one, on the same positions."""

from typing import Any

from eagle3_viz.errors import InputError
from eagle3_viz.heads import paired
from eagle3_viz.heads.guesses import Guesses
from eagle3_viz.heads.paired import Estimate

Compared = dict[str, Any]


def gain(base: Guesses, other: Guesses) -> Estimate:
    """How much longer the mean acceptance length over all positions is with `other`."""
    text = base.text.cpu().numpy()
    return paired.mean((other.chain.sum(1) - base.chain.sum(1)).cpu().double().numpy(), text)


def gains_by_depth(base: Guesses, other: Guesses) -> list[Estimate]:
    """How many more of the guesses at each depth would be accepted: they sum up to `gain`."""
    text = base.text.cpu().numpy()
    more = (other.chain.double() - base.chain.double()).cpu().numpy()
    return [paired.mean(more[:, d], text) for d in range(more.shape[1])]


def compare(base: Guesses, other: Guesses) -> Compared:
    """Both, for printing and for JSON; `other` less `base`."""
    if len(base.text) != len(other.text):
        raise InputError("the two heads were asked about different positions")
    return {
        "mean_acceptance_length": vars(gain(base, other)),
        "chain_by_depth": [vars(each) for each in gains_by_depth(base, other)],
        "level": paired.LEVEL,
    }
