"""The interception, inside vLLM's worker process: the only file that touches vLLM's internals.

`AsyncEngineArgs(worker_extension_cls=EXTENSION)` mixes `ProbeExtension` into the worker; `collective_rpc` attaches a
probe to the loaded model runner and takes it off again. Detached, nothing of this runs. Attached, the probe reads what
the engine computed anyway and pushes one message an engine step into a bounded queue; it never waits for a reader.

Written against vLLM 0.32, model runner V1 (`vllm/v1/worker/gpu_model_runner.py`, `vllm/v1/spec_decode/
llm_base_proposer.py`, `vllm/v1/sample/rejection_sampler.py`).
"""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
import vllm
import zmq
from vllm.v1.sample import rejection_sampler

from eagle3_viz.sources.vllm_messages import TRACE_KEY, EngineStep, JudgedRow, ProposedRow, encoder
from eagle3_viz.sources.vllm_rows import Drafting, judged_row

VERSION = "0.32."
MAX_HELD = 1024  # requests that may be remembered before the ended ones are looked for
QUEUE_LENGTH = 4096  # messages that may wait for the reader before the next ones are dropped
NEEDED = ("_sample", "sample_tokens", "execute_model", "rejection_sampler", "drafter", "input_batch", "requests")

Tensor = torch.Tensor


class ProbeError(RuntimeError):
    """The probe does not fit this engine."""


class ProbeExtension:
    """Calls that the front end can make on every worker. Names are prefixed: vLLM refuses ones that it has."""

    model_runner: Any
    rank: int
    eagle3_viz_probe: "Probe | None" = None

    def eagle3_viz_attach(self, address: str) -> dict[str, str | None]:
        """Start to push to `address` (ZeroMQ). Only the first rank does.

        Returns:
            `model_runner`, "v1" or "v2", and `problem`: why the probe does not fit this engine, None if it does.
        """
        attached: dict[str, str | None] = {"model_runner": runner_kind(self.model_runner), "problem": None}
        if self.rank:
            return attached
        try:
            self.eagle3_viz_detach()
            self.eagle3_viz_probe = Probe(self.model_runner, address)
        except ProbeError as error:
            attached["problem"] = str(error)
        return attached

    def eagle3_viz_detach(self) -> None:
        """Take the probe off; the engine is as it was before."""
        if self.eagle3_viz_probe:
            self.eagle3_viz_probe.close()
            self.eagle3_viz_probe = None

    def eagle3_viz_drain(self, request_id: str) -> int:
        """Forget a request that has ended. Returns how many of its steps the worker made, pushed or lost.

        `request_id` is the front end's; the engine has appended a suffix to it. No step follows this call: the engine
        takes aborts and calls in order, between steps.
        """
        return self.eagle3_viz_probe.forget(request_id) if self.eagle3_viz_probe else 0


class Probe:
    """Hooks into one model runner, and what they have seen of the engine step under way."""

    def __init__(self, runner: Any, address: str) -> None:
        check_fit(runner)
        self.runner = runner
        self.socket: zmq.Socket[bytes] = zmq.Context.instance().socket(zmq.PUSH)
        self.socket.set(zmq.SNDHWM, QUEUE_LENGTH)
        self.socket.set(zmq.LINGER, 0)
        self.socket.connect(address)
        self.number = 0
        self.rows: list[JudgedRow] = []
        self.traced: dict[str, int | None] = {}
        self.proposals: dict[str, ProposedRow] = {}
        self.made: Counter[str] = Counter()
        self.lost: Counter[str] = Counter()
        self.drafting: Drafting | None = None
        self.acceptance: Tensor | None = None  # [num_draft_tokens]: p / q of the rejection test under way
        self.started = self.verified = self.drafted = 0.0
        self.undo: list[Callable[[], None]] = []
        drafter = runner.drafter
        self._wrap(runner, "execute_model", self._execute_model)
        self._wrap(runner, "sample_tokens", self._sample_tokens)
        self._wrap(runner, "_sample", self._sample)
        self._wrap(drafter, "propose", self._propose)
        self._wrap(drafter, "_sample_draft_tokens", self._sample_draft_tokens)
        self._wrap(drafter.model, "compute_logits", self._draft_logits)
        self._wrap(rejection_sampler, "rejection_sample", self._rejection_sample)

    def close(self) -> None:
        """Undo every hook."""
        for undo in reversed(self.undo):
            undo()
        self.socket.close()

    def forget(self, request_id: str) -> int:
        """Drop what is held of a request; returns how many steps of it were made."""
        made = 0
        for name in [name for name in self.traced if name.rpartition("-")[0] == request_id]:
            made += self.made[name]
            self._drop(name)
        return made

    def _drop(self, name: str) -> None:
        for held in (self.traced, self.proposals, self.made, self.lost):
            held.pop(name, None)

    def _prune(self) -> None:
        """Forget requests that ended without a word, so that memory stays bounded."""
        for name in [name for name in self.traced if name not in self.runner.requests]:
            self._drop(name)

    def _wrap(self, owner: Any, name: str, hook: Callable[..., Any]) -> None:
        original = getattr(owner, name)
        own = name in vars(owner)

        def hooked(*args: Any, **kwargs: Any) -> Any:
            return hook(original, *args, **kwargs)

        setattr(owner, name, hooked)
        self.undo.append(lambda: setattr(owner, name, original) if own else delattr(owner, name))

    def _top(self, request_id: str) -> int | None:
        """How many alternatives this request wants recorded; None if it is not traced."""
        if request_id not in self.traced:
            if len(self.traced) >= MAX_HELD:
                self._prune()
            params = self.runner.requests[request_id].sampling_params
            self.traced[request_id] = ((params and params.extra_args) or {}).get(TRACE_KEY)
        return self.traced[request_id]

    def _tops(self) -> list[int | None]:
        return [self._top(request_id) for request_id in self.runner.input_batch.req_ids]

    def _execute_model(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.started = time.monotonic()
        return original(*args, **kwargs)

    def _sample_tokens(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        self.rows, self.verified, self.drafted = [], 0.0, 0.0
        result = original(*args, **kwargs)
        if self.rows:
            self._push()
        return result

    def _push(self) -> None:
        now = time.monotonic()
        step = EngineStep(
            number=self.number,
            time=now,
            batch_size=len(self.runner.input_batch.req_ids),
            rows=self.rows,
            draft_ms=self.drafted * 1e3,
            verify_ms=(self.verified - self.started) * 1e3,
            step_ms=(now - self.started) * 1e3,
            lost=dict(self.lost),
        )
        names = [row.request_id for row in self.rows]
        self.made.update(names)
        try:
            self.socket.send(encoder.encode(step), zmq.NOBLOCK)
            self.lost.clear()
        except zmq.Again:
            self.lost.update(names)
        self.rows = []

    @torch.inference_mode()
    def _sample(self, original: Callable[..., Any], logits: Tensor, metadata: Any) -> Any:
        self.number += 1
        tops = self._tops()
        if all(top is None for top in tops):
            return original(logits, metadata)
        # Without drafts the sampler may work in place; with them it copies what it changes.
        raw = logits if metadata else logits.clone()
        self.acceptance = None
        output = original(logits, metadata)
        self._judge(raw, metadata, output.sampled_token_ids, tops)
        self.verified = time.monotonic()
        return output

    def _rejection_sample(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        draft_token_ids, draft_probs, target_logits, sampling = args[0], args[4], args[5], args[7]
        if not sampling.all_greedy:
            at = draft_token_ids.long().unsqueeze(1)
            p = (target_logits.gather(1, at).squeeze(1) - target_logits.logsumexp(1)).exp()
            self.acceptance = p if draft_probs is None else p / draft_probs.gather(1, at).squeeze(1)
        return original(*args, **kwargs)

    def _judge(self, logits: Tensor, metadata: Any, sampled: Tensor, tops: list[int | None]) -> None:
        """Make a row of each traced request.

        Args:
            logits: [num_draft_tokens + num_requests, vocab], raw; each request's rows are neighbours.
            metadata: vLLM's SpecDecodeMetadata, None if nothing was drafted.
            sampled: [num_requests, K + 1], -1 behind the last token.
            tops: how many alternatives each request wants; None for one that is not traced.
        """
        batch = self.runner.input_batch
        discarded = self.runner.discard_request_mask.np
        drafts = metadata.num_draft_tokens if metadata else [0] * len(tops)
        drafted = metadata.draft_token_ids.tolist() if metadata else []
        temperature = batch.sampling_metadata.temperature
        row = draft = 0
        for i, (request_id, top) in enumerate(zip(batch.req_ids, tops, strict=True)):
            if top is not None and not discarded[i]:
                emitted = [token for token in sampled[i].tolist() if 0 <= token < batch.vocab_size]
                proposed = drafted[draft : draft + drafts[i]]
                greedy = temperature is None or float(temperature[i]) == 0
                accept = self._accept_probabilities(greedy, draft, len(proposed), len(emitted) - 1)
                self.rows.append(
                    judged_row(
                        logits[row : row + len(emitted)].float(),
                        request_id,
                        len(self.runner.requests[request_id].output_token_ids),
                        self._proposed(request_id, proposed),
                        emitted,
                        self._rule(greedy) if proposed else None,
                        accept,
                        top,
                    )
                )
            row += drafts[i] + 1
            draft += drafts[i]

    def _accept_probabilities(self, greedy: bool, start: int, drafted: int, accepted: int) -> list[float]:
        """The probability that each judged position was accepted with, in the test that was applied."""
        judged = min(accepted + 1, drafted)
        if greedy or self.acceptance is None:
            return [float(position < accepted) for position in range(judged)]
        found: list[float] = self.acceptance[start : start + judged].clamp(max=1).tolist()
        return found

    def _rule(self, greedy: bool) -> str:
        method: str = self.runner.speculative_config.rejection_sample_method
        return method if method != "standard" else "greedy" if greedy else "probabilistic"

    def _proposed(self, request_id: str, ids: list[int]) -> ProposedRow:
        """The judged proposal; without the draft's numbers where the ids are not the draft's own (a filler)."""
        proposal = self.proposals.pop(request_id, None)
        if proposal is None or proposal.ids[: len(ids)] != ids:
            return ProposedRow(ids, [], [])
        return ProposedRow(ids, proposal.logprobs[: len(ids)], proposal.tops[: len(ids)])

    @torch.inference_mode()
    def _propose(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        tops = self._tops()
        if all(top is None for top in tops):
            return original(*args, **kwargs)
        started = time.monotonic()
        self.drafting = Drafting()
        result = original(*args, **kwargs)
        drafting, self.drafting = self.drafting, None
        self.proposals.update(drafting.proposals(self.runner.input_batch.req_ids, tops))
        self.drafted = time.monotonic() - started
        return result

    def _draft_logits(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        logits = original(*args, **kwargs)
        if self.drafting:
            # Sampling divides them by the temperature in place.
            probabilistic = self.runner.drafter._enable_probabilistic_draft_probs
            self.drafting.logits = logits.clone() if probabilistic else logits
        return logits

    def _sample_draft_tokens(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        ids, _ = result = original(*args, **kwargs)
        if self.drafting and self.drafting.logits is not None:
            self.drafting.add(ids, max((top for top in self.traced.values() if top), default=0))
        return result


def runner_kind(runner: Any) -> str:
    """Which of vLLM's model runners this is; the CPU's and other devices' derive from one of them."""
    v1 = any(base.__module__ == "vllm.v1.worker.gpu_model_runner" for base in type(runner).__mro__)
    return "v1" if v1 else "v2"


def check_fit(runner: Any) -> None:
    """Refuse an engine that this probe was not written for.

    Raises:
        ProbeError: naming the version and the hook that is missing.
    """
    if not vllm.__version__.startswith(VERSION):
        raise ProbeError(f"the probe is written for vLLM {VERSION}x, this is {vllm.__version__}")
    missing = [name for name in NEEDED if not hasattr(runner, name)]
    if runner_kind(runner) != "v1" or missing:
        kind = f"{type(runner).__module__}.{type(runner).__name__}"
        lacks = f" It has no {', '.join(missing)} to hook into." if missing else ""
        raise ProbeError(
            f"vLLM {vllm.__version__}: the probe knows model runner V1, not {kind}.{lacks}"
            " Start with VLLM_USE_V2_MODEL_RUNNER=0"
        )
