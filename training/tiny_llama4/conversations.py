"""Conversations of the training data: a picture with some exchanges about it, or talk without one."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from training.tiny_llama4 import questions, scenes, talk, tasks
from training.tiny_llama4.questions import Exchange
from training.tiny_llama4.scenes import Scene

KINDS: dict[str, tuple[float, Callable[[random.Random, Scene], Exchange | None]]] = {
    "colour": (2, questions.colour),
    "shape": (3, questions.shape),
    "count": (3, questions.count),
    "relation": (3, questions.relation),
    "where": (1, questions.where),
    "compare": (1, questions.compare),
    "missing": (1.5, questions.missing),
    "describe": (2, tasks.describe),
    "detail": (1, tasks.detail),
    "caption": (1, tasks.caption),
    "table": (1, tasks.table),
}
# What is learnt last, for it takes several things at once: asked that much more often in training.
EMPHASIS = {"relation": 4.0, "count": 1.5, "where": 2.0}
BLIND = 0.5  # share of talk in which somebody asks about a picture that is not there


@dataclass(frozen=True)
class Conversation:
    """Exchanges about `scene`, or about nothing."""

    scene: Scene | None
    exchanges: tuple[Exchange, ...]


def ask(
    rng: random.Random, scene: Scene, kind: str | None = None, emphasis: Mapping[str, float] = MappingProxyType({})
) -> Exchange:
    """Return an exchange about `scene`, of a kind by lot if none is given; ValueError if that kind has no question."""
    names = [kind] if kind else list(KINDS)
    weights = [KINDS[name][0] * emphasis.get(name, 1.0) for name in names]
    for name in rng.choices(names, weights, k=20):
        if found := KINDS[name][1](rng, scene):
            return found
    raise ValueError(f"no question of kind {kind} fits this scene")


def about(
    rng: random.Random, scene: Scene, turns: int, emphasis: Mapping[str, float] = MappingProxyType({})
) -> Conversation:
    """Return a conversation about `scene`, its exchanges of different kinds as far as that goes."""
    found: list[Exchange] = []
    while len(found) < turns:
        exchange = ask(rng, scene, emphasis=emphasis)
        if exchange.kind not in [e.kind for e in found] or rng.random() < 0.1:
            found.append(exchange)
    return Conversation(scene, tuple(found))


def without(rng: random.Random) -> Conversation:
    """Return talk without a picture."""
    exchange = talk.talk(rng)
    if rng.random() < BLIND:
        exchange = Exchange("talk", ask(rng, scenes.scene(rng)).question, exchange.answer)
    return Conversation(None, (exchange,))
