"""What a person sees in a terminal. Whole traces are compared in test_golden; here, what is hard to get right."""

import re
from pathlib import Path

import pytest

from eagle3_viz.events import Event, Piece, Pieces, Proposed, StepsDropped
from eagle3_viz.views import terminal
from eagle3_viz.views.lanes import lane
from eagle3_viz.views.words import count, headline, visible
from tests.building import asked, step, trace_of

PAGE_VERDICTS = Path(__file__).parents[1] / "assets" / "verdicts.js"


def shown(*events: Event) -> str:
    trace = trace_of(*events)
    return terminal.lane_text(lane(trace, trace.requests["r"])).plain


def test_order_of_a_step_is_accepted_failed_written() -> None:
    assert shown(step(0, 0, [10, 11, 12], [10, 13])) == "✓a✗b–c→d"


def test_all_verdicts() -> None:
    steps = [step(0, 0, [], [10]), step(1, 1, [11], [11, 12]), step(2, 3, [13], [13, 14], num_cut=1)]
    assert shown(*steps) == "○a✓b+c✓d✂e"


def test_character_in_two_tokens_stands_at_the_second() -> None:
    assert shown(step(0, 0, [20, 21], [20, 21, 10])) == "✓⟨f0 9f 99⟩✓🙂+a"
    assert shown(step(0, 0, [20], [20, 21]), step(1, 2, [], [10])) == "✓⟨f0 9f 99⟩+🙂○a"


def test_a_rejected_half_does_not_disturb_the_text() -> None:
    assert shown(step(0, 0, [20], [10]), step(1, 1, [21], [11])) == "✗⟨f0 9f 99⟩→a✗⟨82⟩→b"
    assert shown(step(0, 0, [20, 21], [20, 10])) == "✓⟨f0 9f 99⟩✗🙂→\ufffda"


def test_filler_is_marked_and_may_have_no_token() -> None:
    assert shown(step(0, 0, [Proposed(id=-1, origin="filler")], [10])) == "✗∅⟨?⟩→a"


def test_accepted_filler_is_marked_too() -> None:
    assert shown(step(0, 0, [Proposed(id=11, origin="filler")], [11, 10])) == "✓∅b+a"


def lost(after_index: int, count: int) -> StepsDropped:
    return StepsDropped(request_id="r", t_ms=1.0, after_index=after_index, count=count)


def test_lost_steps_stand_where_they_were_lost() -> None:
    assert shown(lost(-1, 1), step(1, 0, [], [10])) == " ⟨1 step lost⟩ ○a"
    steps: list[Event] = [step(0, 0, [], [20]), lost(0, 2), lost(2, 1), step(4, 9, [], [21]), lost(4, 1)]
    assert shown(*steps) == "○⟨f0 9f 99⟩ ⟨2 steps lost⟩  ⟨1 step lost⟩ ○⟨82⟩ ⟨1 step lost⟩ "


@pytest.mark.parametrize(
    ("piece", "seen"),
    [
        ("[bold]x[/bold]", "○[bold]x[/bold]"),
        (":smile:", "○:smile:"),
        ("<b>", "○<b>"),
        ("\x1b[31m", "○␛[31m"),
        ("a\r\n", "○a␍⏎\n"),
        ("\u202e", "○⟨U+202E⟩"),
        (Piece(special="<|x|>"), "○<|x|>"),
        ("", "○"),
    ],
)
def test_token_text_is_never_more_than_text(piece: str | Piece, seen: str) -> None:
    assert shown(Pieces(pieces={50: piece}), step(0, 0, [], [50])) == seen


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("a\tb", "a⇥b"),
        ("\x00\x7f\x9b", "␀␡⟨U+009B⟩"),
        ("\u2028\ufeff\ue000", "⟨U+2028⟩⟨U+FEFF⟩⟨U+E000⟩"),
        ("👩\u200d🚀 می\u200cخواهم é ∑", "👩\u200d🚀 می\u200cخواهم é ∑"),
    ],
)
def test_visible(text: str, seen: str) -> None:
    assert visible(text) == seen


def test_lines_are_kept_where_asked_for() -> None:
    assert visible("a\nb") == "a⏎b"
    assert visible("a\nb", break_lines=True) == "a⏎\nb"


def test_plain_words() -> None:
    assert headline(41, 100) == "41 verifier passes wrote 100 tokens"
    assert headline(1, 1) == "1 verifier pass wrote 1 token"
    assert count(2000, "draft") == "2,000 drafts"


def test_a_long_prompt_is_shortened() -> None:
    trace = trace_of(asked("long", text="x" * 1000))
    first = next(terminal.request_lines(trace, "long", trace.requests["long"]))
    assert len(first.plain) < 250
    assert first.plain.endswith("…")


def test_the_page_has_the_same_glyphs_and_sentences() -> None:
    page = re.findall(r'(\w+): \{ glyph: "([^"]+)", sentence: "([^"]+)"', PAGE_VERDICTS.read_text(encoding="utf-8"))
    ours = [(name, terminal.LOOKS[name][0], sentence) for name, sentence in terminal.MEANINGS.items()]
    assert [(name, glyph.removesuffix(r"\uFE0E"), sentence) for name, glyph, sentence in page] == ours
