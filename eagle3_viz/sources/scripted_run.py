"""One request of the scripted source, step by step. Knows neither pace nor other requests."""

import math
import random
from dataclasses import dataclass

from eagle3_viz.config import MAX_IMAGES
from eagle3_viz.counting import Tally
from eagle3_viz.events import (
    FinishReason,
    Judged,
    Milliseconds,
    Proposed,
    Step,
)
from eagle3_viz.sources import scripted_text as text
from eagle3_viz.sources.base import Request


@dataclass(frozen=True, kw_only=True)
class Script:
    """What the fake does.

    Attributes:
        seed: the same seed and requests give the same tokens.
        num_tokens: the length of an answer, its end token included, where `max_tokens` does not cut it earlier.
        num_speculative_tokens: K.
        acceptance: probability that a position is accepted, given that the ones before it were; the last value
            holds for all further positions.
        steps_per_second: pace of the engine steps; None for as fast as they can be taken.
        filler_every: every how many steps of a request the proposal is one that nobody drafted; 0 for never.
        images_per_prompt: how many pictures its verifier takes, 0 for none; what is in them does not matter to it.
    """

    seed: int = 0
    num_tokens: int = 120
    num_speculative_tokens: int = 3
    acceptance: tuple[float, ...] = (0.72, 0.6, 0.5)
    steps_per_second: float | None = None
    filler_every: int = 0
    images_per_prompt: int = MAX_IMAGES

    def accepts(self, position: int) -> float:
        """Probability that the proposal at `position` is accepted, given that the ones before it were."""
        return self.acceptance[min(position, len(self.acceptance) - 1)]


@dataclass(frozen=True)
class EngineStep:
    """What all requests of one engine step share."""

    number: int
    batch_size: int
    t_ms: float
    ms: Milliseconds


class Run:
    """One request. What its verifier would write is fixed from the start; only how it is proposed is drawn."""

    def __init__(self, script: Script, request: Request, prompt: str) -> None:
        sampling = request.sampling
        salt = "" if sampling.temperature == 0 else sampling.seed if sampling.seed is not None else request.request_id
        self.request = request
        self.tally = Tally()
        self.output: list[int] = []
        self._script = script
        self._rng = random.Random(f"{script.seed} {salt} {prompt}")
        self._prose = text.prose(random.Random(f"{script.seed} {salt} {prompt} text"))
        self._ahead: list[int] = []  # what the verifier will write after `output`
        self._limit = min(script.num_tokens, sampling.max_tokens)
        self._num_steps = 0

    @property
    def done(self) -> bool:
        """Whether the answer is complete."""
        return len(self.output) >= self._limit

    @property
    def finish_reason(self) -> FinishReason:
        """Why it ended, or that it did not end by itself."""
        if not self.done:
            return "abort"
        return "stop" if self.output[-1] == text.END_ID else "length"

    def step(self, shared: EngineStep) -> Step:
        """Propose, judge, emit."""
        targets = self._targets()
        proposed, num_accepted = self._propose(targets)
        emitted = targets[: num_accepted + 1]
        room = self._limit - len(self.output)
        step = Step(
            request_id=self.request.request_id,
            t_ms=shared.t_ms,
            index=self._num_steps,
            engine_step=shared.number,
            batch_size=shared.batch_size,
            output_start=len(self.output),
            proposed=proposed,
            num_accepted=num_accepted,
            emitted=emitted,
            num_cut=max(0, len(emitted) - room),
            rule="probabilistic" if self.request.sampling.temperature else "greedy",
            verifier=self._judge(proposed, emitted, num_accepted),
            ms=shared.ms,
        )
        self.tally.add(step)
        self.output += emitted[:room]
        del self._ahead[: len(emitted)]
        self._num_steps += 1
        return step

    def _targets(self) -> list[int]:
        """The verifier's next K+1 tokens."""
        while len(self._ahead) <= self._script.num_speculative_tokens:
            position = len(self.output) + len(self._ahead)
            self._ahead.append(text.END_ID if position == self._script.num_tokens - 1 else next(self._prose))
        return self._ahead[: self._script.num_speculative_tokens + 1]

    def _propose(self, targets: list[int]) -> tuple[list[Proposed], int]:
        """The proposal for this step, and how much of it is right."""
        if self._num_steps == 0:
            return [], 0
        num_positions = len(targets) - 1
        if self._script.filler_every and self._num_steps % self._script.filler_every == 0:
            return [Proposed(id=text.FILLER_ID, origin="filler")] * num_positions, 0
        num_right = 0
        # The draft sees the end coming, so that a stop inside an accepted run is no rare thing.
        while (
            num_right < num_positions
            and targets[num_right] in text.DRAFTABLE
            and (text.END_ID in targets or self._rng.random() < self._script.accepts(num_right))
        ):
            num_right += 1
        proposed = [self._draft(target, right=i < num_right) for i, target in enumerate(targets[:-1])]
        return proposed, num_right

    def _draft(self, target: int, *, right: bool) -> Proposed:
        token_id = target
        while not right and token_id == target:
            token_id = self._rng.choice(text.DRAFTABLE)
        placed = {token_id: 0}
        if not right and target in text.DRAFTABLE:
            placed[target] = self._rng.choice((1, 1, 2, 7))
        belief = text.believe(self._rng, placed, sure=right, among=text.DRAFTABLE)
        return Proposed(id=token_id, logprob=belief.logprob(token_id), top=belief.top(self.request.top_logprobs))

    def _judge(self, proposed: list[Proposed], emitted: list[int], num_accepted: int) -> list[Judged]:
        """The verifier's rows: one a judged position, one for the bonus."""
        sampled = self.request.sampling.temperature > 0
        rows = []
        for i, token_id in enumerate(emitted):
            placed = {token_id: self._rng.choice((0, 0, 0, 1)) if sampled else 0}
            guess = proposed[i].id if i < len(proposed) else None
            if guess is not None and guess != token_id:
                placed[guess] = self._rng.choice((2, 2, 3, 9)) if sampled else self._rng.choice((1, 1, 2, 9))
            belief = text.believe(self._rng, placed, sure=i < num_accepted)
            logprob = None if guess is None else belief.logprob(guess)
            chance = None if logprob is None else math.exp(logprob) if sampled else float(i < num_accepted)
            rows.append(
                Judged(
                    proposed_logprob=logprob,
                    emitted_logprob=belief.logprob(token_id),
                    accept_probability=None if chance is None else round(chance, 4),
                    entropy=belief.entropy,
                    top=belief.top(self.request.top_logprobs),
                )
            )
        return rows
