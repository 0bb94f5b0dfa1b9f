"""Which tokens the draft can propose, from a trace's first line."""

from hypothesis import given
from hypothesis import strategies as st

from eagle3_viz import codec, draft_vocabulary
from eagle3_viz.events import EngineInfo
from eagle3_viz.trace import Trace
from tests import golden
from tests.building import started

IDS = st.integers(0, 5000)


def engine(**more: object) -> EngineInfo:
    return EngineInfo(**{"verifier": "v", "num_speculative_tokens": 3, "vocab_size": 5000, **more})  # type: ignore[arg-type]


@given(st.sets(IDS), IDS)
def test_a_packed_vocabulary_holds_its_ids_and_no_other(ids: set[int], one: int) -> None:
    info = engine(draft_vocab_size=len(ids), draft_vocabulary=draft_vocabulary.packed(ids))
    again = codec.decode(codec.encode(started(engine=info)))
    assert again == started(engine=info)
    assert all(draft_vocabulary.holds(info, token_id) for token_id in ids)
    assert draft_vocabulary.holds(info, one) is (one in ids)
    assert draft_vocabulary.holds(info, -1) is False


@given(st.sets(IDS), st.sets(IDS))
def test_a_part_says_the_same_of_its_ids(ids: set[int], part: set[int]) -> None:
    whole = engine(draft_vocabulary=draft_vocabulary.packed(ids))
    small = draft_vocabulary.only(whole, part)
    assert [draft_vocabulary.holds(small, one) for one in part] == [one in ids for one in part]


def test_the_verifiers_own_vocabulary_needs_no_bits() -> None:
    assert draft_vocabulary.holds(engine(draft_vocab_size=5000), 4999) is True


def test_a_trace_that_does_not_say() -> None:
    for info in (engine(), engine(draft_vocab_size=100)):
        assert draft_vocabulary.holds(info, 3) is None
        assert draft_vocabulary.only(info, [3]) is info
    old = Trace.load(golden.trace_path("by_hand")).engine
    assert draft_vocabulary.holds(old, 10) is None
    assert b"draft_vocabulary" not in codec.encode(started())


def test_the_scripted_draft_keeps_to_its_vocabulary() -> None:
    trace = Trace.load(golden.trace_path("scripted"))
    steps = [step for record in trace.requests.values() for step in record.steps]
    drafted = {token.id for step in steps for token in step.proposed if token.origin is None}
    considered = {token_id for step in steps for token in step.proposed for token_id, _ in token.top}
    assert all(draft_vocabulary.holds(trace.engine, token_id) for token_id in drafted | considered)
    assert not all(draft_vocabulary.holds(trace.engine, token_id) for step in steps for token_id in step.emitted)
