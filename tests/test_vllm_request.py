"""The worker's account and the engine's output, put together in any order."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eagle3_viz.events import Event, Step, StepsDropped
from eagle3_viz.sources.vllm_messages import EngineStep, JudgedRow, ProposedRow, Tops
from eagle3_viz.sources.vllm_request import PieceBook, RequestSteps


def row(start: int, emitted: list[int], proposed: list[int]) -> JudgedRow:
    """One request's row of an engine step."""
    n = len(emitted)
    k = len(proposed)
    proposal = ProposedRow(proposed, True, [-1.0] * k, [2.0] * k, Tops([[]] * k, [[]] * k))
    return JudgedRow("r-0", start, proposal, emitted, "greedy", [], [-0.5] * n, [1.0] * n, [], Tops([[]] * n, [[]] * n))


def engine_step(number: int, judged: JudgedRow) -> EngineStep:
    """An engine step with one request in it."""
    return EngineStep(number, float(number), 1, [judged], 1.0, 2.0, 3.0, 0.1, {})


def account(lengths: list[int]) -> list[JudgedRow]:
    """Rows that emit this many tokens each: 0, 1, 2, …"""
    rows: list[JudgedRow] = []
    start = 0
    for length in lengths:
        emitted = list(range(start, start + length))
        rows.append(row(start, emitted, [*emitted[:-1], 999][:3] if rows else []))
        start += length
    return rows


def collect(rows: list[JudgedRow], output: list[int], schedule: list[bool]) -> list[Event]:
    """Interleave rows (True) and single output tokens (False) as `schedule` says, then finish."""
    events: list[Event] = []
    steps = RequestSteps("r", PieceBook(str), events.append, 0.0)
    waiting, tokens = list(enumerate(rows)), list(output)
    for witness in [*schedule, *[True] * len(rows), *[False] * len(output)]:
        if witness and waiting:
            number, judged = waiting.pop(0)
            steps.witness(engine_step(number, judged), judged)
        elif not witness and tokens:
            steps.deliver([tokens.pop(0)])
    assert steps.covered
    steps.finish()
    return events


@given(st.lists(st.integers(1, 4), min_size=1, max_size=8), st.lists(st.booleans(), max_size=40), st.integers(0, 3))
def test_any_order_gives_the_same_steps(lengths: list[int], schedule: list[bool], cut: int) -> None:
    rows = account([1, *lengths])
    cut = min(cut, lengths[-1] - 1)  # the engine keeps a token of the step that ends a request
    output = list(range(sum(lengths) + 1 - cut))
    steps = [event for event in collect(rows, output, schedule) if isinstance(event, Step)]
    assert [step.emitted for step in steps] == [judged.emitted for judged in rows]
    assert [step.index for step in steps] == list(range(len(rows)))
    assert [step.num_cut for step in steps] == [0] * (len(rows) - 1) + [cut]
    assert [token for step in steps for token in step.emitted[: len(step.emitted) - step.num_cut]] == output


def test_lost_steps_are_counted_where_they_were_lost() -> None:
    events: list[Event] = []
    steps = RequestSteps("r", PieceBook(str), events.append, 0.0)
    first, _, third = account([1, 2, 2])
    steps.witness(engine_step(0, first), first)
    steps.lose(1, 0.0)
    steps.witness(engine_step(2, third), third)
    steps.deliver(range(5))
    kinds = [event for event in events if isinstance(event, Step | StepsDropped)]
    assert [type(event) for event in kinds] == [Step, StepsDropped, Step]
    assert [getattr(kinds[1], name) for name in ("after_index", "count")] == [0, 1]
    assert kinds[2].index == 2  # type: ignore[union-attr]
    assert steps.witnessed == 3


def test_a_proposal_that_nobody_drafted_is_a_filler() -> None:
    events: list[Event] = []
    steps = RequestSteps("r", PieceBook(str), events.append, 0.0)
    judged = JudgedRow(
        "r-0", 0, ProposedRow([0, -1], False), [7], "greedy", [None], [-1.0], [0.0], [0.0], Tops([[]], [[]])
    )
    steps.witness(engine_step(0, judged), judged)
    steps.deliver([7])
    (step,) = [event for event in events if isinstance(event, Step)]
    assert [(token.id, token.origin, token.logprob) for token in step.proposed] == [
        (0, "filler", None),
        (-1, "filler", None),
    ]


def test_what_cannot_come_is_no_alternative() -> None:
    tops = Tops([[4, 5], [6, 7], []], [[-0.1, float("-inf")], [-0.2, -0.3], []])
    assert list(tops.rows()) == [[(4, -0.1)], [(6, -0.2), (7, -0.3)], []]


def test_pieces_come_once_and_before_their_use() -> None:
    book = PieceBook(str)
    assert book.news([1, 2, -1]) == book.__class__(str).news([2, 1])
    assert book.news([1, 2]) is None


@pytest.mark.parametrize("delivered", [0, 1])
def test_output_ahead_of_the_account_is_not_covered(delivered: int) -> None:
    steps = RequestSteps("r", PieceBook(str), lambda event: None, 0.0)
    steps.deliver(range(delivered))
    assert steps.covered is (delivered == 0)


def test_a_step_that_the_scheduler_threw_away_is_none() -> None:
    """Its request was preempted while the worker made it; the tokens come again, from another step."""
    rows = account([1, 2, 3])
    stale = row(3, [71, 72], [71, 999])
    later = msgspec.structs.replace(rows[2], output_start=5)
    steps = [event for event in collect([*rows[:2], stale, later], list(range(6)), []) if isinstance(event, Step)]
    assert [(step.index, step.output_start, step.emitted) for step in steps] == [
        (0, 0, [0]),
        (1, 1, [1, 2]),
        (2, 3, [3, 4, 5]),
    ]


def test_a_step_made_after_the_engine_had_finished_the_request_is_none() -> None:
    """Asynchronous scheduling starts it before the last token is known; the engine counts nothing of it."""
    steps = [event for event in collect(account([1, 2, 2]), [0, 1, 2], []) if isinstance(event, Step)]
    assert [(step.emitted, step.num_cut) for step in steps] == [([0], 0), ([1, 2], 0)]


def test_steps_after_a_stop_string_are_cut_and_the_last_is_doubtful() -> None:
    """The front end found the stop; two more steps were made before the engine heard of it."""
    events: list[Event] = []
    steps = RequestSteps("r", PieceBook(str), events.append, 0.0)
    for number, judged in enumerate(account([1, 2, 2, 2])):
        steps.witness(engine_step(number, judged), judged)
    steps.deliver([0, 1])
    steps.finish(aborted=True)
    made = [event for event in events if isinstance(event, Step)]
    assert [(step.num_cut, len(step.emitted)) for step in made] == [(0, 1), (1, 2), (2, 2)]
    assert steps.doubtful
    steps.add_doubtful()
    assert isinstance(events[-1], Step)
    assert events[-1].num_cut == 2


def test_what_a_dead_engine_did_not_deliver_is_not_told() -> None:
    events: list[Event] = []
    steps = RequestSteps("r", PieceBook(str), events.append, 0.0)
    for number, judged in enumerate(account([1, 2])):
        steps.witness(engine_step(number, judged), judged)
    steps.deliver([0])
    steps.abandon()
    assert [event.emitted for event in events if isinstance(event, Step)] == [[0]]
