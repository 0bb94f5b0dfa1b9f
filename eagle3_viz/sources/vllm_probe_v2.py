"""What the probe knows of vLLM 0.32's model runner V2, the one that GPUs use by default. Has not run on a GPU yet.

Written against `model_runner.py`, `spec_decode/speculator.py` and `spec_decode/rejection_sampler.py` of
`vllm/v1/worker/gpu`.

The draft proposes inside CUDA graphs, where no hook is called: its distributions are read from the speculator's buffer,
which it has only where the draft samples ("probabilistic"). A greedy draft's numbers are not known.
"""

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import torch

from eagle3_viz.sources.vllm_capture import Asked, Judgement, Proposals, Test, on_their_way
from eagle3_viz.sources.vllm_hooks import Hooks
from eagle3_viz.sources.vllm_rows import facts, index_on

if TYPE_CHECKING:
    from eagle3_viz.sources.vllm_probe import Probe

Tensor = torch.Tensor
NEEDED = (
    "execute_model",
    "sample_tokens",
    "sample",
    "model",
    "sampler",
    "rejection_sampler",
    "speculator",
    "vocab_size",
)


class V2Adapter:
    """Hooks into a `GPUModelRunner` of `vllm.v1.worker.gpu.model_runner`."""

    def __init__(self, runner: Any, probe: "Probe") -> None:
        self.runner = runner
        self.probe = probe
        self.clock = probe.clock
        self.draft_model = runner.speculator.model
        rates = runner.rejection_sampler.synthetic_conditional_rates
        self.rates: list[float] = [] if rates is None else rates.tolist()
        self.masked = False  # whether a grammar is about to mask the logits
        self.logits: Tensor | None = None  # [num_logits, vocab], raw; None outside of `sample`
        self.drafts: list[Tensor] = []  # of the rejection test's chunks: the token before each row, -1 for no proposal
        self.acceptance: list[Tensor] = []  # and the probability that it was accepted with
        self.judgement: Judgement | None = None
        self.batch_size = 0

    @staticmethod
    def missing(runner: Any) -> list[str]:
        """See `Adapter`."""
        missing = [name for name in NEEDED if getattr(runner, name, None) is None]
        if not hasattr(getattr(runner, "rejection_sampler", None), "_verify"):
            missing.append("rejection_sampler._verify")
        # Either moves the rows of the logits to where this adapter does not look for them.
        return missing + [
            f"engine without {name}"
            for name in ("batch_sharder", "adaptive_verification")
            if getattr(runner, name, None)
        ]

    def hook(self, hooks: Hooks) -> None:
        """See `Adapter`."""
        hooks.wrap(self.runner, "execute_model", self._execute_model)
        hooks.wrap(self.runner, "sample_tokens", self._sample_tokens)
        hooks.wrap(self.runner, "sample", self._sample)
        hooks.wrap(self.runner.model, "compute_logits", self._compute_logits)
        hooks.wrap(self.runner.rejection_sampler, "_verify", self._verify)
        hooks.wrap(self.runner.speculator, "propose", self._propose)

    def _execute_model(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.clock.start()
        return original(*args, **kwargs)

    def _sample_tokens(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.judgement = None
        result = original(*args, **kwargs)
        if self.judgement:
            timing = self.clock.stop()
            self.probe.later(partial(self.probe.judged, self.probe.number, self.batch_size, self.judgement, timing))
        return result

    def _sample(self, original: Callable[..., Any], hidden_states: Tensor, batch: Any, grammar_output: Any) -> Any:
        self.probe.number += 1
        tops = self.probe.tops(batch.req_ids)
        if tops is None:
            return original(hidden_states, batch, grammar_output)
        self.masked, self.drafts, self.acceptance = grammar_output is not None, [], []
        self.logits = hidden_states.new_empty(0)
        result = original(hidden_states, batch, grammar_output)
        self.clock.verify()
        with self.clock.own():
            raw, self.logits = self.logits, None
            asked = self._asked(batch, tops)
            if asked and len(raw):
                self.judgement = self._judge(raw, batch, asked, result[0])
                self.batch_size = len(batch.req_ids)
        return result

    def _compute_logits(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        logits = original(*args, **kwargs)
        if self.logits is not None:
            self.logits = logits.clone() if self.masked else logits
        return logits

    def _asked(self, batch: Any, tops: list[int | None]) -> list[Asked]:
        """The watched requests of the batch; `draft` is the row of the first proposed token."""
        temperature = self.runner.sampler.sampling_states.temperature.np
        rows = batch.cu_num_logits_np
        return [
            Asked(
                name=name,
                top=top,
                greedy=temperature[batch.idx_mapping_np[index]] == 0,
                index=index,
                draft=int(rows[index]) + 1,
                drafted=int(rows[index + 1] - rows[index]) - 1,
                proposals=self.probe.proposals.get(name),
            )
            for index, (name, top) in enumerate(zip(batch.req_ids, tops, strict=True))
            if top is not None
        ]

    def _judge(self, raw: Tensor, batch: Any, asked: list[Asked], output: Any) -> Judgement:
        rows = [row for one in asked for row in range(one.draft - 1, one.draft + one.drafted)]
        sampled = output.sampled_token_ids
        kept = torch.arange(sampled.shape[1], device=sampled.device) < output.num_sampled.unsqueeze(1)
        method = self.runner.vllm_config.speculative_config.rejection_sample_method
        # Block verification judges a proposal as a whole: it has no probability of one position.
        known = self.acceptance if method != "block" else []
        return Judgement(
            logits=raw[index_on(raw.device, rows)],
            asked=asked,
            counts=[one.drafted + 1 for one in asked],
            drafts=torch.cat(self.drafts) if self.drafts else sampled.new_full((len(raw),), -1),
            sampled=sampled.masked_fill(~kept, -1),
            vocab_size=self.runner.vocab_size,
            test=Test(method, self.rates, torch.cat(known) if known else None),
        )

    def _verify(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        processed, sampled, num_sampled = original(*args, **kwargs)
        if self.logits is not None:
            with self.clock.own():
                draft_logits, slots, places, drafts = args[1], args[7], args[8], args[10]
                self.drafts.append(drafts)
                self.acceptance.append(self._chances(processed, draft_logits, drafts, slots, places))
        return processed, sampled, num_sampled

    def _chances(
        self, processed: Tensor, draft_logits: Tensor | None, drafts: Tensor, slots: Tensor, places: Tensor
    ) -> Tensor:
        """min(1, p / q) of each row's token, which the row before it judged, [num_logits].

        Args:
            processed: [num_logits, vocab], as the rejection test read them.
            draft_logits: [slots, K, vocab], before temperature; None where the draft is greedy, and q is 1.
            drafts: [num_logits], the token before each row; -1 and a request's first one are no proposals.
            slots: [num_logits], of the requests; places: [num_logits], of the rows in their requests.
        """
        at = drafts.long().clamp(min=0).unsqueeze(1)
        before = processed.float().log_softmax(1).roll(1, 0).gather(1, at)
        if draft_logits is not None:
            temperature = self.runner.sampler.sampling_states.temperature.gpu[slots].unsqueeze(1)
            scaled = draft_logits[slots, (places.long() - 1).clamp(min=0)].float() / temperature.clamp(min=1e-6)
            before = before - scaled.log_softmax(1).gather(1, at)
        return before.squeeze(1).exp().clamp(max=1).masked_fill(drafts < 0, 0)

    def _propose(self, original: Callable[..., Any], batch: Any, *args: Any, **kwargs: Any) -> Any:
        tops = None if kwargs.get("dummy_run") else self.probe.tops(batch.req_ids)
        if tops is None:
            return original(batch, *args, **kwargs)
        with self.clock.drafting():
            ids = original(batch, *args, **kwargs)
        with self.clock.own():
            watched = [index for index, top in enumerate(tops) if top is not None]
            rows = index_on(ids.device, watched)
            names = [batch.req_ids[index] for index in watched]
            found = on_their_way(ids[rows], self._draft_facts(batch.idx_mapping[rows], ids[rows], tops))
            self.probe.proposed(Proposals(names, lambda: found))
        return ids

    def _draft_facts(self, slots: Tensor, ids: Tensor, tops: list[int | None]) -> Any:
        logits = self.runner.speculator.draft_logits
        if logits is None:
            return None
        # Copied: the next proposal overwrites them.
        return facts(logits[slots].flatten(0, 1), ids.reshape(-1, 1).long(), max(filter(None, tops), default=0))
