"""One engine step between the device and the front end: tensors that are on their way, and the rows made of them.

On a GPU the copies to the host run behind the engine's own work; the rows are made when they have arrived. Knows
neither vLLM nor which of its model runners the tensors come from.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, repeat

import torch

from eagle3_viz.sources.vllm_messages import JudgedRow, ProposedRow, Tops
from eagle3_viz.sources.vllm_rows import Facts, facts, index_on

Tensor = torch.Tensor


def to_host(tensor: Tensor) -> Tensor:
    """A copy that may still be under way; the same tensor where it is on the host already."""
    return tensor.to("cpu", non_blocking=True)


def facts_to_host(facts: Facts) -> Facts:
    """All of them on their way to the host."""
    return Facts(*map(to_host, facts))


Found = tuple[Tensor, Facts | None]


def on_their_way(ids: Tensor, facts: Facts | None) -> Found:
    """The ids of proposals and what the draft said of them, on their way to the host."""
    return to_host(ids), facts and facts_to_host(facts)


class Proposals:
    """What one call of the draft proposed to its traced requests.

    Args:
        names: of the requests, n of them.
        found: gives ids [n, K], in the verifier's vocabulary, and facts of n * K distributions, a request's K together,
            with the proposed token's log-probability; None where the distributions cannot be had.
    """

    def __init__(self, names: list[str], found: Callable[[], Found]) -> None:
        self.index = {name: i for i, name in enumerate(names)}
        self._find = found

    @cached_property
    def _found(self) -> "tuple[list[list[int]], Numbers | None]":
        ids, facts = self._find()
        return ids.tolist(), facts and Numbers(*(tensor.tolist() for tensor in facts))

    def row(self, name: str, judged: list[int], top: int) -> ProposedRow:
        """The proposal that was judged; without numbers where it is not the one that was drafted."""
        ids, all_numbers = self._found
        request = self.index.get(name)
        if request is None or ids[request][: len(judged)] != judged:
            return ProposedRow(judged, False)
        if all_numbers is None:
            return ProposedRow(judged, True)
        numbers = all_numbers.part(request * len(ids[request]), len(judged))
        return ProposedRow(judged, True, [row[0] for row in numbers.logprobs], numbers.entropies, numbers.tops(top))


@dataclass
class Asked:
    """A traced request in a step."""

    name: str
    top: int  # how many alternatives it wants
    greedy: bool
    index: int  # in the batch
    draft: int  # where its proposal starts in the batch's
    drafted: int  # how many tokens were proposed to it
    proposals: Proposals | None

    def proposal(self, judged: list[int]) -> ProposedRow:
        """What was judged, with what the draft said of it."""
        if self.proposals is None:
            return ProposedRow(judged, False)
        return self.proposals.row(self.name, judged, self.top)


@dataclass(frozen=True)
class Test:
    """The rejection test that was applied.

    Attributes:
        method: vLLM's `rejection_sample_method`.
        rates: of the method "synthetic", one a position.
        acceptance: p / q, at most 1, where `Asked.draft` says; None where chance had no part, or it is not known.
    """

    method: str
    rates: list[float]
    acceptance: Tensor | None


class Judgement:
    """What the verifier said of the traced requests of one step.

    Args:
        logits: [rows, vocab], raw: of each traced request `counts` rows, one an emitted token or more.
        asked: the traced requests that emit.
        drafts: the batch's proposals, where `Asked.draft` says; -1 for a token that there is not.
        sampled: [batch_size, K + 1], -1 behind the last token.
        vocab_size: ids from here on are no tokens.
    """

    def __init__(
        self,
        logits: Tensor,
        asked: list[Asked],
        counts: list[int],
        drafts: Tensor,
        sampled: Tensor,
        vocab_size: int,
        test: Test,
    ) -> None:
        self.asked, self.counts, self.vocab_size, self.test = asked, counts, vocab_size, test
        ids = ids_of_rows(asked, counts, drafts, sampled)
        self._facts = facts_to_host(facts(logits, ids, max(one.top for one in asked)))
        self._tensors = to_host(drafts), to_host(sampled)
        self._chances = None if test.acceptance is None else to_host(test.acceptance)

    @cached_property
    def _drafts(self) -> list[int]:
        drafts: list[int] = self._tensors[0].tolist()
        return drafts

    @cached_property
    def _acceptance(self) -> list[float] | None:
        return None if self._chances is None else self._chances.tolist()

    def judged_rows(self) -> list[JudgedRow]:
        """A row a traced request, `output_start` left at 0. The tensors have arrived."""
        sampled = self._tensors[1].tolist()
        numbers = Numbers(*(tensor.tolist() for tensor in self._facts))
        made, start = [], 0
        for asked, count in zip(self.asked, self.counts, strict=True):
            emitted = [token for token in sampled[asked.index] if 0 <= token < self.vocab_size]
            if emitted:
                made.append(self._row(asked, emitted, numbers.part(start, len(emitted))))
            start += count
        return made

    def _row(self, asked: Asked, emitted: list[int], numbers: "Numbers") -> JudgedRow:
        proposed = self._drafts[asked.draft : asked.draft + asked.drafted]
        judged = proposed[: len(emitted)]
        return JudgedRow(
            request_id=asked.name,
            output_start=0,
            proposed=asked.proposal(proposed),
            emitted=emitted,
            rule=self._rule(asked) if proposed else None,
            proposed_logprobs=[
                row[0] if token >= 0 else None for row, token in zip(numbers.logprobs, judged, strict=False)
            ],
            emitted_logprobs=[row[1] for row in numbers.logprobs],
            entropies=numbers.entropies,
            accept_probabilities=self._accept_probabilities(asked, len(judged), len(emitted) - 1),
            tops=numbers.tops(asked.top),
        )

    def _rule(self, asked: Asked) -> str:
        method = self.test.method
        return method if method != "standard" else "greedy" if asked.greedy else "probabilistic"

    def _accept_probabilities(self, asked: Asked, judged: int, accepted: int) -> Sequence[float | None]:
        """The probability that each judged position was accepted with, in the test that was applied."""
        if self.test.method == "synthetic":
            return self.test.rates[:judged]
        if asked.greedy:
            return [float(position < accepted) for position in range(judged)]
        return self._acceptance[asked.draft : asked.draft + judged] if self._acceptance else [None] * judged


@dataclass(frozen=True)
class Numbers:
    """Facts as lists, a row an entry."""

    logprobs: list[list[float]]
    entropies: list[float]
    top_logprobs: list[list[float]]
    top_ids: list[list[int]]

    def part(self, start: int, count: int) -> "Numbers":
        """The facts of `count` rows."""
        span = slice(start, start + count)
        return Numbers(self.logprobs[span], self.entropies[span], self.top_logprobs[span], self.top_ids[span])

    def tops(self, top: int) -> Tops:
        """The `top` likeliest of each row."""
        if all(len(ids) == top for ids in self.top_ids):
            return Tops(self.top_ids, self.top_logprobs)
        return Tops([ids[:top] for ids in self.top_ids], [logprobs[:top] for logprobs in self.top_logprobs])


def ids_of_rows(asked: list[Asked], counts: list[int], drafts: Tensor, sampled: Tensor) -> Tensor:
    """The proposed and the emitted token of each row, [rows, 2]; 0 where there is none."""
    none = len(drafts) + sampled.numel()
    at: list[tuple[int, int]] = []
    for one, count in zip(asked, counts, strict=True):
        emitted_at = len(drafts) + one.index * sampled.shape[1]
        proposed = chain(range(one.draft, one.draft + one.drafted), repeat(none))
        at.extend(zip(proposed, range(emitted_at, emitted_at + count), strict=False))
    if sampled.is_cpu:  # lists are quicker than operations on so little
        tokens = [*drafts.tolist(), *sampled.flatten().tolist(), 0]
        return torch.tensor([(max(tokens[one], 0), max(tokens[other], 0)) for one, other in at])
    known = torch.cat([drafts, sampled.flatten(), sampled.new_zeros(1)])
    return known[index_on(sampled.device, at)].long().clamp(min=0)
