"""A trace in a terminal: the coloured text, and what its counts come to. Token text is never read as markup."""

from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from eagle3_viz.analysis.acceptance import Rates
from eagle3_viz.analysis.statistics import Statistics, statistics
from eagle3_viz.events import Counters, RequestFailed
from eagle3_viz.records import RequestRecord
from eagle3_viz.trace import Trace
from eagle3_viz.views.lanes import LaneGap, LaneToken, lane
from eagle3_viz.views.words import count, headline, visible

# A glyph and a style for what became of a token: a terminal may lack colours, and a reader may not tell them apart.
# Glyphs and sentences are those of the page (assets/verdicts.js).
LOOKS = {
    "accepted": ("✓", "green"),
    "correction": ("→", "bold yellow"),
    "bonus": ("+", "bold cyan"),
    "unspeculated": ("○", ""),
    "rejected": ("✗", "strike red"),
    "discarded": ("–", "strike dim"),
    "cut": ("✂", "dim magenta"),
    "filler": ("∅", "dim"),
}
MEANINGS = {
    "accepted": "The draft guessed it and the verifier agreed.",
    "correction": "The verifier’s own token, in place of the guess it rejected.",
    "bonus": "Every guess was right, so the verifier’s next token came for free.",
    "unspeculated": "Written by the verifier alone; there was no guess to check.",
    "rejected": "The first guess that the verifier disagreed with.",
    "discarded": "Guessed after a rejected one: thrown away, never checked.",
    "cut": "Came after the point where the answer stopped.",
    "filler": "A placeholder that vLLM put in without asking the draft.",
}
MAX_PROMPT_SHOWN = 200


def plain_console() -> Console:
    """A console on standard output that adds no meaning of its own to what it prints."""
    return Console(markup=False, highlight=False, emoji=False)


def show(trace: Trace, console: Console) -> None:
    """Print the whole trace: texts, legend, figures."""
    for name, record in trace.requests.items():
        for line in request_lines(trace, name, record):
            console.print(line, soft_wrap=True)
        console.print()
    console.print(legend(), soft_wrap=True)
    console.print()
    show_figures(statistics(trace), console)


def show_figures(figures: Statistics, console: Console) -> None:
    """Print what a trace's counts come to."""
    for part in figure_parts(figures):
        console.print(part, soft_wrap=isinstance(part, Text))


def request_lines(trace: Trace, name: str, record: RequestRecord) -> Iterator[Text]:
    """A request: what was asked, what was written and how, and how it ended."""
    prompt = record.started.text
    shortened = prompt[:MAX_PROMPT_SHOWN] + ("…" if len(prompt) > MAX_PROMPT_SHOWN else "")
    yield Text.assemble((f"request {visible(name)}", "bold"), "  ", (visible(shortened), "dim"))
    yield lane_text(lane(trace, record))
    yield Text(how_it_ended(record), style="dim")


def how_it_ended(record: RequestRecord) -> str:
    """Its tokens, and why it stopped."""
    ended = record.ended
    if ended is None:
        reason = "cut short"
    elif isinstance(ended, RequestFailed):
        reason = f"failed: {visible(ended.error)}"
    else:
        reason = ended.finish_reason
    passes = headline(len(record.steps), len(record.output_token_ids))
    lost = [f"{count(record.num_dropped, 'step')} lost"] if record.dropped else []
    return " · ".join([passes, *lost, reason])


def lane_text(items: list[LaneToken | LaneGap]) -> Text:
    """A lane as styled text, each token behind its glyph."""
    text = Text()
    for item in items:
        if isinstance(item, LaneGap):
            text.append(f" ⟨{count(item.count, 'step')} lost⟩ ", style="bold red")
            continue
        glyph, style = LOOKS["cut" if item.cut else item.kind]
        in_text = item.kind not in ("rejected", "discarded") and not item.cut
        text.append(f"{glyph}{LOOKS['filler'][0] if item.filler else ''}", style="dim")
        text.append(visible(item.text, break_lines=in_text), style=f"{style} italic" if item.special else style)
    return text


def legend() -> Text:
    """What each glyph and colour means."""
    lines = [
        Text.assemble(f"{LOOKS[name][0]} ", (name, LOOKS[name][1]), " " * (14 - len(name)), meaning)
        for name, meaning in MEANINGS.items()
    ]
    return Text("\n").join(lines)


def figure_parts(figures: Statistics) -> Iterator[RenderableType]:
    """The figures, warnings last."""
    yield Text(headline(figures.pace.num_passes, figures.pace.num_tokens), style="bold")
    yield mean_line(figures.rates)
    yield ""
    yield acceptance_table(figures.rates)
    yield counters_table(figures)
    yield verification_line(figures)
    for warning in figures.warnings:
        yield Text(f"warning: {visible(warning)}", style="bold yellow")


def mean_line(rates: Rates) -> Text:
    """The mean acceptance length, and what it was computed from."""
    if rates.mean_acceptance_length is None:
        return Text("mean acceptance length: none, nothing was proposed")
    made_of = f"1 + {rates.num_accepted_tokens:,} accepted / {count(rates.num_drafts, 'draft')}"
    return Text(f"mean acceptance length {rates.mean_acceptance_length:.2f} = {made_of}")


def acceptance_table(rates: Rates) -> Table:
    """Acceptance by position, over both denominators."""
    table = Table("position", title="acceptance", title_justify="left")
    table.add_column("of all drafts", justify="right")
    table.add_column("of those accepted up to here", justify="right")
    before = [rates.num_drafts, *rates.num_accepted_tokens_per_pos]
    for position, accepted in enumerate(rates.num_accepted_tokens_per_pos):
        table.add_row(
            str(position),
            fraction(accepted, rates.num_drafts, rates.rate_per_draft[position]),
            fraction(accepted, before[position], rates.rate_given_prefix[position]),
        )
    return table


def fraction(part: int, whole: int, rate: float | None) -> str:
    """Like "37 / 51  72.5 %"."""
    return f"{part:,} / {whole:,}  {'–' if rate is None else f'{rate:6.1%}'}"


def counters_table(figures: Statistics) -> Table:
    """The four counters, from the steps and from the engine."""
    table = Table("counter", title="counts", title_justify="left")
    table.add_column("from the steps", justify="right")
    table.add_column("the engine's own", justify="right")
    for name in Counters.__struct_fields__:
        theirs = "–" if figures.engine_totals is None else number(getattr(figures.engine_totals, name))
        table.add_row(name, number(getattr(figures.rates, name)), theirs)
    return table


def number(value: int | list[int]) -> str:
    """A count or several, with thousands set apart."""
    return f"{value:,}" if isinstance(value, int) else " ".join(f"{entry:,}" for entry in value)


def verification_line(figures: Statistics) -> Text:
    """Whether the counts are the engine's."""
    whole = {True: "equal the engine's totals", False: "differ from the engine's totals", None: "unverified"}
    requests = figures.requests
    parts = [f"{requests.verified} verified", f"{requests.unverified} unverified"]
    if requests.mismatched:
        parts.append(f"{requests.mismatched} mismatched")
    return Text(f"counts: {whole[figures.totals_agree]}; requests: {', '.join(parts)}")
