"""What the probe expects of vLLM's two model runners, and the V2 adapter on a runner made up of tensors.

V2 needs a GPU: here its classes are imported, their signatures checked, and the adapter fed what they would hand it.
"""

import inspect
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from eagle3_viz.sources import vllm_probe
from eagle3_viz.sources.vllm_draft import target_ids
from eagle3_viz.sources.vllm_hooks import Hooks
from eagle3_viz.sources.vllm_messages import EngineStep, JudgedRow
from eagle3_viz.sources.vllm_probe import Probe, ProbeError, ProbeExtension, adapter_for, call_queue, runner_kind
from eagle3_viz.sources.vllm_probe_v2 import V2Adapter

K, VOCABULARY, SLOTS = 3, 50, 8


def parameters(function: Callable[..., Any]) -> list[str]:
    return list(inspect.signature(function).parameters)


def test_v1_is_what_the_adapter_was_written_against() -> None:
    from vllm.v1.executor.multiproc_executor import WorkerProc
    from vllm.v1.sample import rejection_sampler
    from vllm.v1.spec_decode.llm_base_proposer import SpecDecodeBaseProposer
    from vllm.v1.worker.gpu_model_runner import GPUModelRunner

    assert parameters(GPUModelRunner._sample) == ["self", "logits", "spec_decode_metadata"]
    assert parameters(GPUModelRunner.sample_tokens) == ["self", "grammar_output"]
    assert "propose" in vars(SpecDecodeBaseProposer)
    names = parameters(rejection_sampler._rejection_random_sample)
    assert names[2:5] == ["draft_token_ids", "draft_probs", "target_probs"]
    assert "self.rpc_broadcast_mq.dequeue(" in inspect.getsource(WorkerProc.worker_busy_loop)


def test_v2_is_what_the_adapter_was_written_against() -> None:
    from vllm.v1.worker.gpu.model_runner import GPUModelRunner
    from vllm.v1.worker.gpu.spec_decode.rejection_sampler import RejectionSampler
    from vllm.v1.worker.gpu.spec_decode.speculator import DraftModelSpeculator

    assert parameters(GPUModelRunner.sample) == ["self", "hidden_states", "input_batch", "grammar_output"]
    assert "grammar_output" in parameters(GPUModelRunner.sample_tokens)
    names = parameters(RejectionSampler._verify)
    assert [names[1 + at] for at in (1, 7, 8, 10)] == [
        "draft_logits",
        "expanded_idx_mapping",
        "expanded_local_pos",
        "verify_draft_sampled",
    ]
    assert parameters(DraftModelSpeculator.propose)[1] == "input_batch"
    assert "draft_logits" in inspect.getsource(DraftModelSpeculator.__init__)


def runner_of(module: str, **attributes: Any) -> Any:
    """A runner whose class claims to come from a module of vLLM."""
    return type("GPUModelRunner", (SimpleNamespace,), {"__module__": module})(**attributes)


V1, V2 = "vllm.v1.worker.gpu_model_runner", "vllm.v1.worker.gpu.model_runner"


def test_runners_are_recognised() -> None:
    from vllm.v1.worker.cpu_model_runner import CPUModelRunner

    assert runner_kind(runner_of(V1)) == "v1"
    assert runner_kind(runner_of(V2)) == "v2"
    assert runner_kind(CPUModelRunner.__new__(CPUModelRunner)) == "v1"


def test_an_unknown_version_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vllm.__version__", "0.99.1")
    with pytest.raises(ProbeError, match=r"written for vLLM 0\.32\.x, this is 0\.99\.1 \(model runner v1\)"):
        adapter_for(runner_of(V1))


def test_a_missing_hook_is_named_with_the_version() -> None:
    with pytest.raises(ProbeError, match=r"vLLM 0\.32.*, model runner v1: there is no _sample, .*drafter"):
        adapter_for(runner_of(V1))
    with pytest.raises(ProbeError, match=r"vLLM 0\.32.*, model runner v2: there is no .*speculator"):
        adapter_for(runner_of(V2))
    with pytest.raises(ProbeError, match=r"knows the model runners V1 and V2, not elsewhere\.GPUModelRunner"):
        adapter_for(runner_of("elsewhere"))


def test_the_front_end_is_told_why_the_probe_does_not_fit() -> None:
    extension = ProbeExtension()
    extension.model_runner, extension.rank = runner_of(V1), 0
    assert "there is no _sample" in (extension.eagle3_viz_attach("ipc:///nowhere")["problem"] or "")
    extension.rank = 1  # only the first rank tells anything
    assert extension.eagle3_viz_attach("ipc:///nowhere") == {
        "model_runner": "v1",
        "problem": None,
        "draft_vocabulary": None,
    }
    assert extension.eagle3_viz_drain("r") == 0


class Collected:
    """Stands in for the outbox."""

    def __init__(self) -> None:
        self.waiting: list[EngineStep] = []
        self.steps: list[EngineStep] = []  # that were sent
        self.made: dict[str, int] = {}

    def push(self, step: EngineStep) -> None:
        self.waiting.append(step)

    def flush(self) -> None:
        self.steps += self.waiting
        self.waiting.clear()

    def forget(self, name: str) -> int:
        return self.made.pop(name, 0)


class FakeV2:
    """A V2 runner: two requests in slots 5 and 2, the first greedy, the second at temperature 0.5."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, draft_logits: torch.Tensor | None) -> None:
        generator = torch.Generator().manual_seed(5)
        self.logits = torch.randn(2 * (K + 1), VOCABULARY, generator=generator)
        self.draft_logits = draft_logits
        self.proposal = torch.tensor([[7, 8, 9], [17, 18, 19]])
        self.sampled = torch.tensor([[7, 8, 30, 44], [31, 44, 44, 44]], dtype=torch.int32)  # behind num_sampled: waste
        self.num_sampled = torch.tensor([3, 1])
        self.batch = SimpleNamespace(
            req_ids=["a-1", "b-1"],
            idx_mapping=torch.tensor([5, 2]),
            idx_mapping_np=np.array([5, 2]),
            cu_num_logits_np=np.array([0, 4, 8]),
        )
        temperature = torch.zeros(SLOTS)
        temperature[2] = 0.5
        states = SimpleNamespace(temperature=SimpleNamespace(np=temperature.numpy(), gpu=temperature))
        self.runner: Any = runner_of(
            V2,
            device=torch.device("cpu"),
            model=SimpleNamespace(compute_logits=lambda hidden: self.logits),
            sampler=SimpleNamespace(sampling_states=states),
            rejection_sampler=SimpleNamespace(_verify=self._verify, synthetic_conditional_rates=None),
            speculator=SimpleNamespace(
                propose=lambda batch: self.proposal, draft_logits=draft_logits, model=SimpleNamespace()
            ),
            vocab_size=VOCABULARY,
            vllm_config=SimpleNamespace(speculative_config=SimpleNamespace(rejection_sample_method="standard")),
            execute_model=lambda scheduled: None,
            sample_tokens=lambda grammar: self.runner.sample(torch.zeros(1), self.batch, grammar),
            sample=self._sample,
        )
        self.out = Collected()
        monkeypatch.setattr(vllm_probe, "Outbox", lambda address: self.out)
        self.probe = Probe(self.runner, "")
        self.processed = self.logits / torch.tensor([1.0] * 4 + [0.5] * 4).unsqueeze(1)

    def _sample(self, hidden: torch.Tensor, batch: Any, grammar: Any) -> tuple[Any, ...]:
        logits = self.runner.model.compute_logits(hidden)
        if grammar:
            logits[:] = float("-inf")  # the mask works in place
        places = torch.arange(4).repeat(2)
        before = torch.tensor([1, 7, 8, 9, 1, 17, 18, 19], dtype=torch.int32)
        slots = batch.idx_mapping.repeat_interleave(4)
        rest = (torch.zeros(9), None, batch.idx_mapping, None, slots, places, None, before)
        self.runner.rejection_sampler._verify(logits, self.draft_logits, None, *rest[:4], *rest[4:])
        output = SimpleNamespace(sampled_token_ids=self.sampled, num_sampled=self.num_sampled)
        return output, self.num_sampled, None

    def _verify(self, *args: Any) -> tuple[Any, ...]:
        return self.processed, self.sampled, self.num_sampled

    def step(self, grammar: Any = None) -> list[JudgedRow]:
        """Propose, then judge."""
        self.runner.speculator.propose(self.batch)
        self.runner.execute_model(None)
        self.runner.sample_tokens(grammar)
        return self.out.steps[-1].rows


def test_v2_rows_are_the_verifiers_and_end_where_the_sampler_says(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeV2(monkeypatch, None)
    fake.probe.watch({"a": 2, "b": 0})
    first, second = fake.step()
    theirs = fake.logits.log_softmax(1)
    assert (first.emitted, second.emitted) == ([7, 8, 30], [31])
    assert (first.proposed.ids, first.proposed.drafted, first.proposed.logprobs) == ([7, 8, 9], True, [])
    assert first.emitted_logprobs == pytest.approx([float(theirs[i, token]) for i, token in enumerate(first.emitted)])
    assert first.proposed_logprobs == pytest.approx([float(theirs[i, token]) for i, token in enumerate([7, 8, 9])])
    assert [len(top) for top in (*first.tops.ids, *second.tops.ids)] == [2, 2, 2, 0]
    assert (first.rule, first.accept_probabilities) == ("greedy", [1.0, 1.0, 0.0])
    expected = float(fake.processed.softmax(1)[4, 17])  # of a greedy draft q is 1
    assert second.rule == "probabilistic"
    assert second.accept_probabilities == pytest.approx([expected])


def test_v2_reads_a_sampling_drafts_distributions_from_its_buffer(monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = torch.randn(SLOTS, K, VOCABULARY, generator=torch.Generator().manual_seed(6))
    fake = FakeV2(monkeypatch, buffer)
    fake.probe.watch({"a": 2, "b": 3})
    first, second = fake.step()
    raw = buffer.log_softmax(2)
    assert first.proposed.logprobs == pytest.approx([float(raw[5, i, token]) for i, token in enumerate([7, 8, 9])])
    assert second.proposed.logprobs == pytest.approx([float(raw[2, i, token]) for i, token in enumerate([17, 18, 19])])
    assert [len(top) for top in second.proposed.tops.ids] == [3, 3, 3]
    p, q = fake.processed.softmax(1)[4, 17], (buffer[2, 0] / 0.5).softmax(0)[17]
    assert second.accept_probabilities == pytest.approx([min(1.0, float(p / q))])


def test_v2_keeps_the_raw_logits_before_a_grammar_masks_them(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeV2(monkeypatch, None)
    theirs = fake.logits.log_softmax(1)
    fake.probe.watch({"a": 0})
    (row,) = fake.step(grammar=object())
    assert row.emitted_logprobs == pytest.approx([float(theirs[i, token]) for i, token in enumerate(row.emitted)])


@pytest.mark.parametrize(("method", "chances"), [("synthetic", [0.9, 0.8, 0.5]), ("block", None)])
def test_v2_rules_other_than_the_standard(
    monkeypatch: pytest.MonkeyPatch, method: str, chances: list[float] | None
) -> None:
    fake = FakeV2(monkeypatch, None)
    fake.runner.vllm_config.speculative_config.rejection_sample_method = method
    fake.probe.adapter.rates = chances or []  # type: ignore[attr-defined]
    fake.probe.watch({"a": 0, "b": 0})
    first, second = fake.step()
    assert (first.rule, second.rule) == (method, method)
    assert first.accept_probabilities == (chances or [1.0, 1.0, 0.0])  # greedy: a matter of equality
    assert second.accept_probabilities == (chances[:1] if chances else [None])


def test_what_can_wait_is_done_before_the_workers_next_call_and_sent_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeV2(monkeypatch, None)
    done: list[str] = []
    calls = SimpleNamespace(dequeue=lambda indefinite: list(done))
    fake.probe.calls = calls
    monkeypatch.setattr(fake.out, "flush", lambda: done.append("sent"))
    fake.probe.watch({"a": 0})
    fake.probe.later(lambda: done.append("first"))
    fake.probe.later(lambda: done.append("second"))
    assert done == []
    assert calls.dequeue(indefinite=True) == ["first", "second"]
    assert done == ["first", "second", "sent"]
    fake.probe.forget("a")
    assert "dequeue" in vars(calls)
    assert calls.dequeue.__name__ == "<lambda>"


def test_where_a_worker_takes_its_calls_from() -> None:
    class Process:
        rpc_broadcast_mq = "calls"

        def call(self) -> Any:
            return call_queue()

    assert Process().call() == "calls"
    assert call_queue() is None


def test_v2_has_no_hooks_while_nothing_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeV2(monkeypatch, None)
    before = dict(vars(fake.runner))
    fake.probe.watch({"c": 5})
    assert vars(fake.runner) != before
    fake.runner.execute_model(None)
    fake.runner.sample_tokens(None)
    assert fake.out.steps == []  # none of the batch is watched
    fake.probe.forget("c")
    assert vars(fake.runner) == before


@pytest.mark.parametrize("name", ["batch_sharder", "adaptive_verification"])
def test_v2_refuses_what_moves_the_rows(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    runner = FakeV2(monkeypatch, None).runner
    assert V2Adapter.missing(runner) == []
    setattr(runner, name, object())
    with pytest.raises(ProbeError, match=f"engine without {name}"):
        adapter_for(runner)


def test_the_ids_of_a_vocabulary_of_its_own() -> None:
    offsets = torch.tensor([0, 1, 1])
    model = SimpleNamespace(draft_id_to_target_id=offsets, logits_processor=None)
    wrapped = SimpleNamespace(unwrap=lambda: model)
    assert [ids.tolist() for ids in map(target_ids, (model, wrapped)) if ids is not None] == [[0, 2, 3]] * 2
    assert target_ids(SimpleNamespace(draft_id_to_target_id=None)) is None


def test_hooks_come_off_in_reverse() -> None:
    owner = SimpleNamespace(f=lambda x: x)
    original = owner.f
    hooks = Hooks()
    hooks.wrap(owner, "f", lambda f, x: f(x) + 1)
    hooks.wrap(owner, "f", lambda f, x: f(x) * 10)
    assert owner.f(1) == 20
    hooks.close()
    assert owner.f is original
