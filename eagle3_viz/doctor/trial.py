"""A head measured as configured and under alternatives, on the same texts.

No engine is started: the verifier writes greedily once, and at every position of its texts the head guesses as it would
in vLLM. What vLLM would accept follows exactly, as far as both compute the same numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from eagle3_viz.doctor.alternatives import Alternative, alternatives, with_layers
from eagle3_viz.doctor.facts import Facts
from eagle3_viz.doctor.search import likely_layers
from eagle3_viz.heads import comparison, module, paired
from eagle3_viz.heads.guesses import Guesses, guesses
from eagle3_viz.heads.module import Checkpoint, Settings
from eagle3_viz.heads.paired import Estimate
from eagle3_viz.heads.verifier import Seen, Text, Verifier


@dataclass(frozen=True)
class Tried:
    """An alternative: what it gains in mean acceptance length over all positions, and how much of it at each depth."""

    name: str
    field: str
    setting: str
    gain: Estimate
    by_depth: list[Estimate]
    num_texts: int


@dataclass(frozen=True)
class Measured:
    """A head on texts.

    Attributes:
        num_texts, num_positions: how much was asked.
        length: mean acceptance length over all positions, as configured.
        agreement: share of depth-0 guesses that are the verifier's choice: what it knows when fed the truth.
        tried: the alternatives, the best first.
    """

    num_texts: int
    num_positions: int
    length: Estimate
    agreement: Estimate
    tried: list[Tried]


class Trial:
    """A verifier's texts, read once with the states of every layer, for any number of heads."""

    def __init__(self, verifier: Verifier, texts: Sequence[Text], depth: int) -> None:
        """`depth`: how many tokens deep heads guess."""
        self.verifier = verifier
        self.depth = depth
        layers = range(verifier.depth + 1)
        # Layers are looked for on one half and judged on the other, where the best of many is no luck.
        self.halves = [list(verifier.read(texts[part::2], layers)) for part in (0, 1)]

    def guesses(self, checkpoint: Checkpoint, settings: Settings, seen: Sequence[Seen]) -> Guesses:
        """What a head guesses over some of the texts."""
        output = self.verifier.model.get_output_embeddings()
        return guesses(checkpoint.module(settings), settings, seen, output, self.depth, details=False)

    @property
    def texts(self) -> list[Seen]:
        """All of them, numbered through."""
        return [numbered(seen, part) for part, half in enumerate(self.halves) for seen in half]

    def measure(self, folder: Path, facts: Facts) -> Measured:
        """Measure a head as configured and under every alternative.

        Raises:
            InputError: it cannot run as configured.
        """
        settings = module.as_configured(facts)
        checkpoint = module.load(folder, facts, self.verifier.model)
        base = self.guesses(checkpoint, settings, self.texts)
        text = base.text.cpu().numpy()
        tried = [
            self.tried(each, base, checkpoint, self.texts)
            for each in alternatives(facts, settings, self.verifier.depth)
        ]
        tried += self.searched(checkpoint, settings)
        return Measured(
            num_texts=len(set(text.tolist())),
            num_positions=len(text),
            length=paired.mean(1.0 + base.chain.sum(1).cpu().numpy(), text),
            agreement=paired.mean(base.agrees[:, 0].cpu().double().numpy(), text),
            tried=sorted(tried, key=lambda each: -each.gain.value),
        )

    def searched(self, checkpoint: Checkpoint, settings: Settings) -> list[Tried]:
        """The layers that suit the head best, if they are others than its own."""
        found = likely_layers(checkpoint, settings, self.halves[0], self.verifier.depth)
        if found == settings.aux_layers:
            return []
        other = with_layers("layers that suit it best", settings, found)
        base = self.guesses(checkpoint, settings, self.halves[1])
        return [self.tried(other, base, checkpoint, self.halves[1])]

    def tried(self, other: Alternative, base: Guesses, checkpoint: Checkpoint, seen: Sequence[Seen]) -> Tried:
        """One alternative over the texts that `base` is from."""
        found = self.guesses(checkpoint, other.settings, seen)
        return Tried(
            name=other.name,
            field=other.field,
            setting=other.setting,
            gain=comparison.gain(base, found),
            by_depth=comparison.gains_by_depth(base, found),
            num_texts=len(set(base.text.tolist())),
        )


def numbered(seen: Seen, part: int) -> Seen:
    """A batch of one half, its texts numbered as of the whole."""
    return replace(seen, numbers=[2 * number + part for number in seen.numbers])
