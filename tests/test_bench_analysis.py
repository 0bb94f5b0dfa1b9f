"""Losslessness, times, speed-up and other K, by hand."""

import pytest

from eagle3_viz.analysis.lossless import Difference, lossless
from eagle3_viz.analysis.measured import Measured, StepNumbers, of_trace
from eagle3_viz.analysis.timing import Times, speed_up, times
from eagle3_viz.analysis.what_k import Swept, estimates, fastest
from eagle3_viz.events import Judged, Pieces, StepsDropped
from eagle3_viz.trace import Trace
from tests import building


def answer(prompt_id: str, output: list[int], steps: list[StepNumbers] | None = None, **more: object) -> Measured:
    fields = {"prompt": prompt_id, "text": "", "finish_reason": "stop", "num_context_tokens": 5, **more}
    return Measured(prompt_id=prompt_id, output_token_ids=output, steps=steps or [], **fields)  # type: ignore[arg-type]


def test_where_steps_were_lost_the_output_is_whole_and_margins_stand_at_their_places() -> None:
    trace = Trace()
    late = building.step(2, 3, [], [13], verifier=[Judged(emitted_logprob=-0.1, top=[(13, -0.1), (10, -2.6)])])
    for event in (
        building.started(),
        Pieces(pieces=building.PIECES),
        building.asked(),
        building.step(0, 0, [], [10]),
        StepsDropped(request_id="r", t_ms=1.0, after_index=0, count=1),
        late,
        building.finished("abcd", [10, 11, 12, 13]),
    ):
        trace.append(event)
    (found,) = of_trace(trace)
    assert found.output_token_ids == [10, 11, 12, 13]
    assert found.margins == [None, None, None, 2.5]


def test_turns_behind_one_that_differs_are_not_compared() -> None:
    ours = [answer("p", [1], turn=1), answer("p", [5], turn=2), answer("q", [1], turn=1), answer("q", [2], turn=2)]
    plain = [answer("p", [9], turn=1), answer("p", [6], turn=2), answer("q", [1], turn=1), answer("q", [3], turn=2)]
    found = lossless(ours, plain, [answer("q", [7, 1], turn=2, margins=[0.1])])
    assert (found.num_compared, found.num_equal) == (3, 1)
    assert [(one.prompt_id, one.turn) for one in found.differences] == [("p", 1), ("q", 2)]


def test_a_margin_behind_another_turn_says_nothing() -> None:
    ours = [answer("p", [1], turn=1), answer("p", [2], turn=2)]
    plain = [answer("p", [1], turn=1), answer("p", [3], turn=2)]
    for first, margin in ((1, 0.1), (9, None)):
        again = [answer("p", [first], turn=1), answer("p", [3], turn=2, margins=[0.1])]
        (found,) = lossless(ours, plain, again).differences
        assert found.margin_without == margin


def test_a_margin_of_an_answer_that_went_another_way_says_nothing() -> None:
    ours, plain = answer("p", [1, 2], margins=[1.0, 0.001]), answer("p", [1, 3])
    for repeated, margin in (([1, 3], 0.002), ([4, 3], None)):
        (found,) = lossless([ours], [plain], [answer("p", repeated, margins=[1.0, 0.002])]).differences
        assert found.margin_without == margin


def test_equal_answers_ties_and_bugs_are_told_apart() -> None:
    ours = [
        answer("same", [1, 2]),
        answer("tie", [1, 2, 3], margins=[2.0, 0.001, 1.0]),
        answer("bug", [1, 2], margins=[4.0, 3.0]),
        answer("shorter", [1], margins=[1.0]),
        answer("unanswered", [1]),
    ]
    plain = [answer("shorter", [1, 7]), answer("bug", [9]), answer("tie", [1, 5]), answer("same", [1, 2])]
    again = [answer("tie", [1, 5], margins=[2.0, 0.002]), answer("bug", [9], margins=[0.001])]
    found = lossless(ours, plain, again)
    assert (found.num_compared, found.num_equal) == (4, 1)
    assert found.differences == [
        Difference(
            prompt_id="tie",
            turn=1,
            position=1,
            with_speculation=2,
            without=5,
            margin_with_speculation=0.001,
            margin_without=0.002,
            tie=True,
        ),
        Difference(
            prompt_id="bug",
            turn=1,
            position=0,
            with_speculation=1,
            without=9,
            margin_with_speculation=4.0,
            margin_without=0.001,
            tie=False,
        ),
        Difference(
            prompt_id="shorter",
            turn=1,
            position=1,
            with_speculation=None,
            without=7,
            margin_with_speculation=None,
            margin_without=None,
            tie=None,
        ),
    ]


def test_an_engine_step_that_two_requests_share_counts_once() -> None:
    shared = StepNumbers(1, 3, 1, 0, 2, 4.0, 20.0, 25.0)
    alone = StepNumbers(3, 3, 1, 0, 1, 1.0, 10.0, 12.0)
    unspeculated = StepNumbers(0, 0, 0, 0, 1, None, 500.0, 500.0)
    answers = [
        answer("a", [1] * 5, [unspeculated, shared, alone], elapsed_ms=30.0),
        answer("b", [1] * 3, [unspeculated, shared], elapsed_ms=18.0),
    ]
    found = times(answers, 2.0)
    assert (found.draft_ms, found.verify_ms, found.step_ms) == (2.5, 15.0, 18.5)
    assert found.between_steps_ms == (30 + 18) / 3
    assert found.tokens_per_second == 4.0
    assert times([], None) == Times(
        draft_ms=None, verify_ms=None, step_ms=None, between_steps_ms=None, elapsed_s=None, tokens_per_second=None
    )


OURS = Times(draft_ms=5.0, verify_ms=20.0, step_ms=26.0, between_steps_ms=27.0, elapsed_s=10.0, tokens_per_second=90.0)
PLAIN = Times(
    draft_ms=None, verify_ms=None, step_ms=None, between_steps_ms=15.0, elapsed_s=15.0, tokens_per_second=60.0
)


def test_speed_up_measured_and_from_acceptance_and_step_times() -> None:
    found = speed_up(OURS, PLAIN, 2.5)
    assert found.measured == 1.5
    assert found.theoretical == pytest.approx(2.5 * 15 / 27)
    assert found.at_most == 2.5 * 20 / 25
    alone = speed_up(OURS, None, 2.5)
    assert (alone.measured, alone.theoretical, alone.at_most) == (None, None, 2.0)
    assert speed_up(PLAIN, None, None).at_most is None


def test_a_smaller_k_is_estimated_from_the_same_drafts() -> None:
    steps = [StepNumbers(0, 0, 0, 0, 1), *(StepNumbers(1, 3, accepted, 0, 1) for accepted in (3, 1, 0, 2))]
    one, two, three = estimates([answer("a", [1] * 11, steps)], 3, OURS, PLAIN)
    assert [each.mean_acceptance_length for each in (one, two, three)] == [1.75, 2.25, 2.5]
    assert two.acceptance_at_token == [0.75, 0.5]
    assert one.step_ms == pytest.approx(20 + 5 / 3)
    assert three.step_ms == 25.0
    assert three.tokens_per_second == 100.0
    assert three.speed_up == 1.5
    assert [each.estimated for each in (one, two, three)] == [True, True, False]


def swept(k: int, pace: float | None) -> Swept:
    return Swept(
        num_speculative_tokens=k,
        mean_acceptance_length=2.0,
        acceptance_at_token=[],
        draft_ms=None,
        verify_ms=None,
        tokens_per_second=pace,
    )


def test_the_fastest_k() -> None:
    assert fastest([swept(1, 20.0), swept(3, 30.0), swept(5, 25.0), swept(7, None)]) == 3
    assert fastest([swept(1, None)]) is None
