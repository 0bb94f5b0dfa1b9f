"""What the probe knows of vLLM 0.32's model runner V1 (the only one on a CPU).

Written against `vllm/v1/worker/gpu_model_runner.py`, `vllm/v1/spec_decode/llm_base_proposer.py` and
`vllm/v1/sample/rejection_sampler.py`.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import torch
from vllm.v1.sample import rejection_sampler

from eagle3_viz.sources.vllm_capture import Asked, Judgement, Proposals, Test
from eagle3_viz.sources.vllm_draft import DraftLogits
from eagle3_viz.sources.vllm_hooks import Hooks, Timing
from eagle3_viz.sources.vllm_rows import rows_of

if TYPE_CHECKING:
    from eagle3_viz.sources.vllm_probe import Probe

Tensor = torch.Tensor
Made = TypeVar("Made")
NEEDED = ("_sample", "sample_tokens", "execute_model", "rejection_sampler", "drafter", "input_batch")
OF_DRAFTER = ("propose", "model", "_enable_probabilistic_draft_probs")


class V1Adapter:
    """Hooks into a `GPUModelRunner` of `vllm.v1.worker.gpu_model_runner`."""

    def __init__(self, runner: Any, probe: "Probe") -> None:
        self.runner = runner
        self.probe = probe
        self.clock = probe.clock
        self.draft_model = runner.drafter.model
        self.draft = DraftLogits(self.draft_model, in_place=runner.drafter._enable_probabilistic_draft_probs)
        rates = runner.rejection_sampler.synthetic_conditional_rates
        self.rates: list[float] = [] if rates is None else rates.tolist()
        self.unmasked: Tensor | None = None  # the verifier's logits before a grammar's mask
        self.acceptance: Tensor | None = None  # [num_draft_tokens]: of the rejection test under way
        self.judge: Callable[[], Judgement] | None = None  # of the step under way

    @staticmethod
    def missing(runner: Any) -> list[str]:
        """See `Adapter`."""
        missing = [name for name in NEEDED if not hasattr(runner, name)]
        drafter = getattr(runner, "drafter", None)
        missing += [f"drafter.{name}" for name in OF_DRAFTER if drafter and not hasattr(drafter, name)]
        if not hasattr(rejection_sampler, "_rejection_random_sample"):
            missing.append("rejection_sampler._rejection_random_sample")
        return missing

    def hook(self, hooks: Hooks) -> None:
        """See `Adapter`."""
        hooks.wrap(self.runner, "execute_model", self._execute_model)
        hooks.wrap(self.runner, "sample_tokens", self._sample_tokens)
        hooks.wrap(self.runner, "_sample", self._sample)
        hooks.wrap(rejection_sampler, "_rejection_random_sample", self._rejection_random_sample)
        hooks.wrap(self.runner.drafter, "propose", self._propose)
        self.draft.listen(hooks)

    def _tops(self) -> list[int | None] | None:
        return self.probe.tops(self.runner.input_batch.req_ids)

    def _execute_model(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.clock.start()
        return original(*args, **kwargs)

    def _sample_tokens(self, original: Callable[..., Any], grammar_output: Any) -> Any:
        self.judge = self.unmasked = None
        state = self.runner.execute_model_state
        if grammar_output is not None and state is not None and self._tops():
            with self.clock.own():
                self.unmasked = state.logits.clone()
        result = original(grammar_output)
        if self.judge:
            size, timing = len(self.runner.input_batch.req_ids), self.clock.stop()
            self.probe.later(partial(self._judged, self.probe.number, size, self.judge, timing))
        return result

    def _judged(self, number: int, batch_size: int, judge: Callable[[], Judgement], timing: Timing) -> None:
        self.probe.judged(number, batch_size, judge(), timing)

    def _sample(self, original: Callable[..., Any], logits: Tensor, metadata: Any) -> Any:
        self.probe.number += 1
        tops = self._tops()
        if tops is None:
            return original(logits, metadata)
        with self.clock.own():
            asked, first_rows = self._asked(tops, metadata.num_draft_tokens if metadata else [0] * len(tops))
            raw = logits if self.unmasked is None else self.unmasked
            if metadata is None:  # the sampler works in place; the rejection test copies what it changes
                raw, first_rows = raw[first_rows], list(range(len(first_rows)))
            self.acceptance = None
        output = original(logits, metadata)
        self.clock.verify()
        if asked:
            judge = partial(self._judge, raw, metadata, output.sampled_token_ids, asked, first_rows, self.acceptance)
            self.judge = self._in_time(judge)
        return output

    def _in_time(self, make: Callable[[], Made]) -> Callable[[], Made]:
        """Make something with the chores; on a GPU before the engine goes on, queued before its next operations."""
        if self.probe.calls:
            return make
        with self.clock.own():
            made = make()
        return lambda: made

    def _asked(self, tops: Sequence[int | None], drafts: Sequence[int]) -> tuple[list[Asked], list[int]]:
        """The watched requests of the batch that will emit, and the first row of each in the logits."""
        batch = self.runner.input_batch
        discarded = self.runner.discard_request_mask.np  # the rest of whose prompt is still to come
        asked, rows = [], []
        draft = 0
        for index, (name, top) in enumerate(zip(batch.req_ids, tops, strict=True)):
            if top is not None and not discarded[index]:
                greedy = name in batch.greedy_reqs
                proposals = self.probe.proposals.get(name)
                asked.append(Asked(name, top, greedy, index, draft, drafts[index], proposals))
                rows.append(draft + index)
            draft += drafts[index]
        return asked, rows

    def _judge(
        self,
        raw: Tensor,
        metadata: Any,
        sampled: Tensor,
        asked: list[Asked],
        first_rows: Sequence[int],
        acceptance: Tensor | None,
    ) -> Judgement:
        """Reduce the logits to what is kept of them.

        Args:
            raw: [rows, vocab], each request's rows neighbours.
            metadata: vLLM's SpecDecodeMetadata, None if nothing was drafted.
            sampled: [num_requests, K + 1], -1 behind the last token.
            acceptance: see `Test`.
        """
        counts = [one.drafted + 1 for one in asked]
        if sampled.is_cpu:  # it is known already how many rows will be needed
            emitted = [sum(token >= 0 for token in row) for row in sampled.tolist()]
            counts = [emitted[one.index] for one in asked]
        rows = [row for first, count in zip(first_rows, counts, strict=True) for row in range(first, first + count)]
        return Judgement(
            logits=rows_of(raw, rows),
            asked=asked,
            counts=counts,
            drafts=metadata.draft_token_ids if metadata else sampled.new_empty(0),
            sampled=sampled,
            vocab_size=self.runner.input_batch.vocab_size,
            # This runner judges by the standard rule also where "block" was asked for.
            test=Test("synthetic" if self.rates else "standard", self.rates, acceptance),
        )

    def _rejection_random_sample(self, original: Callable[..., Any], *args: Any) -> Any:
        with self.clock.own():
            draft_token_ids, draft_probs, target_probs = args[2:5]
            at = draft_token_ids.long().clamp(min=0).unsqueeze(1)
            p = target_probs.gather(1, at).squeeze(1)
            ratio = p if draft_probs is None else p / draft_probs.gather(1, at).squeeze(1)
            self.acceptance = ratio.clamp(max=1).masked_fill(draft_token_ids < 0, 0)
        return original(*args)

    def _propose(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        tops = self._tops()
        if tops is None:
            return original(*args, **kwargs)
        collected = self.draft.collect()
        with self.clock.drafting():
            ids = original(*args, **kwargs)
        self.draft.rest()
        names = self.runner.input_batch.req_ids
        watched = [index for index, top in enumerate(tops) if top is not None]
        most = max(filter(None, tops), default=0)
        found = self._in_time(partial(self.draft.found, watched, ids, collected, most))
        self.probe.proposed(Proposals([names[index] for index in watched], found))
        return ids
