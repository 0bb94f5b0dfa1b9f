"""The interception, inside vLLM's worker process: attaches to a loaded engine, and tells the front end of its steps.

`AsyncEngineArgs(worker_extension_cls=EXTENSION)` mixes `ProbeExtension` into the worker; `collective_rpc` calls it.
Hooks are in the engine only while a request that is watched runs: for any other no line of the probe is executed. What
is particular to each of vLLM's two model runners is in `vllm_probe_v1` and `vllm_probe_v2`, and nowhere else.
"""

import importlib
import sys
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any, Protocol

import msgspec
import vllm

from eagle3_viz.draft_vocabulary import packed
from eagle3_viz.sources.vllm_capture import Judgement, Proposals
from eagle3_viz.sources.vllm_draft import target_ids
from eagle3_viz.sources.vllm_hooks import Hooks, StepClock, Timing
from eagle3_viz.sources.vllm_messages import EngineStep, JudgedRow, front_end_id
from eagle3_viz.sources.vllm_outbox import Outbox

VERSION = "0.32."
ADAPTERS = {"v1": "V1Adapter", "v2": "V2Adapter"}  # imported where they are needed: each imports its runner's modules


class ProbeError(RuntimeError):
    """The probe does not fit this engine."""


class Adapter(Protocol):
    """What knows one of vLLM's model runners.

    Attributes:
        draft_model: vLLM's model of the draft head.
    """

    draft_model: Any

    def __init__(self, runner: Any, probe: "Probe") -> None: ...

    @staticmethod
    def missing(runner: Any) -> list[str]:
        """Names of the hooks that this runner lacks."""

    def hook(self, hooks: Hooks) -> None:
        """Hook into the runner; from now on the adapter tells the probe of every step with a watched request."""


class ProbeExtension:
    """Calls that the front end can make on every worker. Names are prefixed: vLLM refuses ones that it has."""

    model_runner: Any
    rank: int
    eagle3_viz_probe: "Probe | None" = None

    def eagle3_viz_attach(self, path: str) -> dict[str, Any]:
        """Make a probe that pushes to the socket at `path`. Only the first rank does.

        Returns:
            `model_runner`, "v1" or "v2"; `problem`: why the probe does not fit this engine, None if it does; and
            `draft_vocabulary`, see `EngineInfo`, None where the head has the verifier's.
        """
        attached: dict[str, Any] = {
            "model_runner": runner_kind(self.model_runner),
            "problem": None,
            "draft_vocabulary": None,
        }
        if self.rank:
            return attached
        try:
            self.eagle3_viz_detach()
            self.eagle3_viz_probe = Probe(self.model_runner, path, call_queue())
            ids = target_ids(self.eagle3_viz_probe.adapter.draft_model)
            attached["draft_vocabulary"] = None if ids is None else packed(ids.tolist())
        except ProbeError as error:
            attached["problem"] = str(error)
        return attached

    def eagle3_viz_detach(self) -> None:
        """Take the probe off; the engine is as it was before."""
        if self.eagle3_viz_probe:
            self.eagle3_viz_probe.close()
            self.eagle3_viz_probe = None

    def eagle3_viz_watch(self, tops: Mapping[str, int]) -> None:
        """Watch requests that are about to come, by the front end's ids; `tops`: how many alternatives each wants."""
        if self.eagle3_viz_probe:
            self.eagle3_viz_probe.watch(tops)

    def eagle3_viz_drain(self, request_id: str) -> int:
        """Watch a request no longer. Returns how many of its steps the worker made; all were pushed, or are lost.

        No step follows this call: the engine takes aborts and calls in order, between steps.
        """
        return self.eagle3_viz_probe.forget(request_id) if self.eagle3_viz_probe else 0


class Probe:
    """The requests that are watched in one worker, and the steps on their way to the front end.

    Where the device is the host, what can wait is done while the worker waits for the engine's next call: the answer to
    the last one is on its way by then, and the engine is busy with it. What comes of it is sent when that call is
    there: from then on the engine waits for the worker, and its core is free for the front end.

    Args:
        runner: vLLM's model runner.
        path: of the front end's socket.
        calls: where the worker takes its calls from; None: nothing waits.

    Attributes:
        clock: takes the times of the step under way.
        number: of the engine step; it counts while something is watched.
        proposals: of each watched request, what was last drafted for it.
    """

    def __init__(self, runner: Any, path: str, calls: Any = None) -> None:
        adapter = adapter_for(runner)
        self.calls = calls if runner.device.type == "cpu" else None
        self.clock = StepClock(runner.device)
        self.number = 0
        self.proposals: dict[str, Proposals] = {}
        self.outbox = Outbox(path)
        self.adapter = adapter(runner, self)
        self._hooks = Hooks()
        self._watched: dict[str, int] = {}  # by the front end's id
        self._emitted: Counter[str] = Counter()  # tokens so far, by the engine's id
        self._waiting: deque[tuple[int, int, Judgement, Timing]] = deque()
        self._chores: deque[Callable[[], None]] = deque()
        self._chores_ms = 0.0  # what they took since the last message was made, which could not tell of itself

    def close(self) -> None:
        """Undo everything."""
        self._hooks.close()
        self.outbox.close()

    def watch(self, tops: Mapping[str, int]) -> None:
        """Watch more requests."""
        if tops and not self._watched:
            self.adapter.hook(self._hooks)
            if self.calls:
                self._hooks.wrap(self.calls, "dequeue", self._dequeue)
        self._watched.update(tops)

    def forget(self, request_id: str) -> int:
        """Watch a request no longer; returns how many steps of it were made."""
        self.send(wait=True)
        self.outbox.flush()
        self._watched.pop(request_id, None)
        if not self._watched:
            self._hooks.close()
        names = {name for name in (*self.outbox.made, *self.proposals) if front_end_id(name) == request_id}
        for name in names:
            self.proposals.pop(name, None)
            self._emitted.pop(name, None)
        return sum(map(self.outbox.forget, names))

    def tops(self, names: Sequence[str]) -> list[int | None] | None:
        """How many alternatives each request of a batch wants, None for one that is not watched; None if none is."""
        tops = [self._watched.get(front_end_id(name)) for name in names]
        return None if all(top is None for top in tops) else tops

    def proposed(self, proposals: Proposals) -> None:
        """Keep what was drafted for watched requests."""
        self.proposals.update(dict.fromkeys(proposals.index, proposals))

    def later(self, chore: Callable[[], None]) -> None:
        """Do something before the worker's next call, or at once."""
        if self.calls:
            self._chores.append(chore)
        else:
            self._do(chore)

    def _dequeue(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        while self._chores:
            self._do(self._chores.popleft())
        call = original(*args, **kwargs)
        self._do(self.outbox.flush)
        return call

    def _do(self, chore: Callable[[], None]) -> None:
        started = time.perf_counter()
        chore()
        self._chores_ms += (time.perf_counter() - started) * 1e3

    def judged(self, number: int, batch_size: int, judgement: Judgement, timing: Timing) -> None:
        """Take the judgement of a step that is over; it goes out when it has arrived on the host."""
        self._waiting.append((number, batch_size, judgement, timing))
        self.send()

    def send(self, *, wait: bool = False) -> None:
        """Push the steps that have arrived, or all of them."""
        while self._waiting and (wait or self._waiting[0][-1].end.passed()):
            step = self._waiting.popleft()
            step[-1].end.wait()
            self.outbox.push(self._message(*step))
        if not self.calls:
            self.outbox.flush()

    def _message(self, number: int, batch_size: int, judgement: Judgement, timing: Timing) -> EngineStep:
        rows = list(map(self._placed, judgement.judged_rows()))
        chores_ms, self._chores_ms = self._chores_ms, 0.0
        return EngineStep(
            number=number,
            time=timing.time,
            batch_size=batch_size,
            rows=rows,
            draft_ms=timing.drafting and timing.drafting[0].ms_until(timing.drafting[1]),
            verify_ms=timing.start.ms_until(timing.verified),
            step_ms=timing.start.ms_until(timing.end),
            probe_ms=timing.own_ms + chores_ms,
            lost={},
        )

    def _placed(self, row: JudgedRow) -> JudgedRow:
        start = self._emitted[row.request_id]
        self._emitted[row.request_id] += len(row.emitted)
        return msgspec.structs.replace(row, output_start=start)


def call_queue() -> Any:
    """Where this worker takes its calls from, found in the call under way; None where it has no process of its own."""
    frame: FrameType | None = sys._getframe()
    while frame:
        if queue := getattr(frame.f_locals.get("self"), "rpc_broadcast_mq", None):
            return queue
        frame = frame.f_back
    return None


def runner_kind(runner: Any) -> str:
    """Which of vLLM's model runners this is: "v1", "v2", or its class where it is neither."""
    modules = {base.__module__ for base in type(runner).__mro__}
    if "vllm.v1.worker.gpu_model_runner" in modules:
        return "v1"  # the CPU's derives from it
    if "vllm.v1.worker.gpu.model_runner" in modules:
        return "v2"
    return f"{type(runner).__module__}.{type(runner).__name__}"


def adapter_for(runner: Any) -> type[Adapter]:
    """The adapter for a runner.

    Raises:
        ProbeError: naming the version, the runner, and the hooks that are missing.
    """
    kind = runner_kind(runner)
    if not vllm.__version__.startswith(VERSION):
        raise ProbeError(f"the probe is written for vLLM {VERSION}x, this is {vllm.__version__} (model runner {kind})")
    if kind not in ADAPTERS:
        raise ProbeError(f"vLLM {vllm.__version__}: the probe knows the model runners V1 and V2, not {kind}")
    adapter: type[Adapter] = getattr(importlib.import_module(f"eagle3_viz.sources.vllm_probe_{kind}"), ADAPTERS[kind])
    if missing := adapter.missing(runner):
        raise ProbeError(
            f"vLLM {vllm.__version__}, model runner {kind}: there is no {', '.join(missing)} to hook into."
            " Is this engine started with an EAGLE-3 head?"
        )
    return adapter
