"""The front end's side of an engine, where the engine is gone or its account has gaps; no engine runs."""

import asyncio
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from eagle3_viz.errors import InputError
from eagle3_viz.events import Event, Step, StepsDropped
from eagle3_viz.sources.vllm_engine import VllmSource, hand_out
from eagle3_viz.sources.vllm_inbox import Inbox
from eagle3_viz.sources.vllm_messages import EngineStep, JudgedRow, ProposedRow, Tops
from eagle3_viz.sources.vllm_outbox import Outbox
from eagle3_viz.sources.vllm_recording import Recording
from eagle3_viz.sources.vllm_request import PieceBook, RequestSteps


class DeadEngine:
    """vLLM's front end, as it is when the engine has died during a call: the call is never answered."""

    def __init__(self) -> None:
        self.output_handler = asyncio.create_task(asyncio.sleep(0))

    async def collective_rpc(self, method: str, args: Any) -> None:
        await asyncio.Event().wait()


async def test_a_call_that_a_dead_engine_will_not_answer_fails() -> None:
    source = VllmSource.__new__(VllmSource)
    source.llm = DeadEngine()
    for call in (source.watch("r", 5), source.drain("r")):
        with pytest.raises(RuntimeError, match="vLLM stopped"):
            await asyncio.wait_for(call, 10)


async def test_a_closed_engine_says_so() -> None:
    source = VllmSource.__new__(VllmSource)
    source.closed = True
    with pytest.raises(InputError, match="start it again"):
        await anext(source.record([]))


async def test_what_the_socket_did_not_take_at_first_is_asked_for_again(tmp_path: Path) -> None:
    running: dict[str, RequestSteps] = {}
    inbox = Inbox(tmp_path / "probe", lambda step: hand_out(step, running))
    outbox = Outbox(str(inbox.path))
    told: list[Event] = []
    running["r"] = steps = RequestSteps("r", PieceBook(str), told.append, 0.0)
    wide = Tops([list(range(500))], [[-1.0] * 500])
    for number in range(400):
        row = JudgedRow("r-1", number, ProposedRow([], False), [7], None, [], [-0.5], [1.0], [], wide)
        outbox.push(EngineStep(number, 0.0, 1, [row], None, 2.0, 3.0, 0.1, {}))
    steps.deliver([7] * 400)

    async def drain(_: str) -> int:
        outbox.flush()
        return outbox.forget("r-1")

    facts = SimpleNamespace(num_speculative_tokens=3)
    source: Any = SimpleNamespace(drain=drain, inbox=inbox, engine=facts, vocabulary=SimpleNamespace(piece=str))
    await Recording(source, [])._settle("r", steps, SimpleNamespace(finish_reason="length", stop_reason=None))
    assert [event.index for event in told if isinstance(event, Step)] == list(range(400))
    assert not any(isinstance(event, StepsDropped) for event in told)
    outbox.close()
    inbox.close()


def test_what_was_lost_of_a_request_is_told_although_it_has_no_row() -> None:
    told: dict[str, list[Event]] = {"a": [], "b": []}
    running = {name: RequestSteps(name, PieceBook(str), told[name].append, 0.0) for name in told}
    row = JudgedRow("a-1", 0, ProposedRow([], False), [7], None, [], [-0.5], [1.0], [], Tops([[]], [[]]))
    hand_out(EngineStep(3, 0.0, 1, [row], None, 2.0, 3.0, 0.1, {"b-1": 2, "gone-1": 1}), running)
    running["a"].deliver([7])
    assert [type(event) for event in told["a"][1:]] == [Step]
    assert [(event.after_index, event.count) for event in told["b"] if isinstance(event, StepsDropped)] == [(-1, 2)]
    assert running["b"].witnessed == 2
