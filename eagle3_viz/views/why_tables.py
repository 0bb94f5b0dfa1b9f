"""Why proposals were rejected, and where, in a terminal. Token text is never read as markup."""

from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from eagle3_viz.analysis.causes import Cause
from eagle3_viz.analysis.diagnosis import Diagnosis
from eagle3_viz.analysis.failures import Cost, Failures
from eagle3_viz.analysis.places import GROUPS
from eagle3_viz.views.words import count, spelled, visible

# What a cause is called, and what it means; as on the page (assets/causes.js), which has no compounding.
WORDS: dict[Cause, tuple[str, str]] = {
    "filler": ("filler", "Nobody drafted it: vLLM put in a placeholder."),
    "outside_vocabulary": ("outside the vocabulary", "The draft’s vocabulary lacks the verifier’s token."),
    "undecided": ("verifier undecided", "The verifier’s first two choices are within 0.2 nats of each other."),
    "bad_luck": ("bad luck", "Both had the same favourite; sampling, a penalty or a grammar took another token."),
    "compounding": (
        "compounding",
        "Fed the true text, the head names the verifier’s token; after its own guesses it did not.",
    ),
    "ranked_low": ("ranked low", "The verifier’s token is among the draft’s candidates, but not the one it proposed."),
    "confidently_wrong": ("confidently wrong", "The verifier’s token is not even among the draft’s candidates."),
    "unknown": ("unknown", "The trace lacks what is needed to tell."),
}
FACET_TITLES = {
    "kind": "by the kind of the verifier's token",
    "entropy": "by the verifier's entropy",
    "output_position": "by position in the answer (tokens)",
    "context_length": "by length of prompt and answer so far (tokens)",
}


def show(diagnosis: Diagnosis, console: Console) -> None:
    """Print all of it."""
    for part in parts(diagnosis):
        console.print(part, soft_wrap=isinstance(part, Text))


def parts(diagnosis: Diagnosis) -> Iterator[RenderableType]:
    """Causes, where, and the costliest tokens."""
    failures = diagnosis.failures
    yield from why(diagnosis)
    if failures.ranks:
        ranks = ", ".join(f"{failures.ranks[rank]:,} at rank {rank}" for rank in sorted(failures.ranks))
        yield Text(f"ranked low: {ranks}")
    for facet in GROUPS:
        yield ""
        yield facet_table(failures, facet)
    yield ""
    yield tokens_table(diagnosis)


def why(diagnosis: Diagnosis) -> Iterator[RenderableType]:
    """Causes, what they mean, and how their costs add up."""
    failures = diagnosis.failures
    yield ""
    yield causes_table(failures)
    yield meanings(failures)
    yield gap_line(failures, diagnosis.engine.num_speculative_tokens)


def causes_table(failures: Failures) -> Table:
    """How many rejections each cause has, and what they cost."""
    title = f"why {count(failures.num_rejections, 'proposal')} failed"
    table = table_of("cause", "rejections", *COST_COLUMNS, title=title)
    for cause, cost in failures.causes.items():
        table.add_row(WORDS[cause][0], f"{cost.count:,}", *cost_cells(failures, cost))
    return table


def meanings(failures: Failures) -> Text:
    """What the causes mean that occur; the first that holds is the cause."""
    occur = [WORDS[cause] for cause, cost in failures.causes.items() if cost.count]
    return Text("\n".join(f"{name:<23}{meaning}" for name, meaning in occur))


def gap_line(failures: Failures, k: int) -> Text:
    """How the costs add up."""
    mean = failures.length_without(0)
    if mean is None:
        return Text("nothing was proposed")
    parts = f"{mean:.2f} measured + {k + 1 - mean:.2f} lost = {k + 1}, every guess accepted"
    short = failures.not_proposed(k)
    rest = f"; {count(short, 'token')} of that not proposed at all" if short else ""
    return Text(f"{parts}{rest}. Without a cause: at most, as if the rest of each proposal had been accepted.")


def facet_table(failures: Failures, facet: str) -> Table:
    """Judged positions in groups."""
    table = table_of("", "judged", "rejected", *COST_COLUMNS, title=FACET_TITLES[facet])
    table.add_column("most often")
    for name, group in failures.ordered(facet):
        often = [WORDS[cause][0] for cause, _ in group.causes.most_common(1)]
        cells = cost_cells(failures, group.cost)
        table.add_row(name, f"{group.judged:,}", f"{group.cost.count:,}", *cells, *often)
    return table


def tokens_table(diagnosis: Diagnosis) -> Table:
    """The tokens of the verifier that cost most."""
    failures = diagnosis.failures
    table = table_of("token", "rejections", *COST_COLUMNS, title="the verifier's tokens that cost most")
    table.add_column("first in")
    for one in failures.costliest():
        text = visible(spelled(diagnosis.pieces.get(one.token_id)))
        place = f"step {one.step + 1} of {visible(one.request_id)}"
        table.add_row(f"“{text}”", f"{one.cost.count:,}", *cost_cells(failures, one.cost), place)
    return table


COST_COLUMNS = ("tokens lost", "length without")


def cost_cells(failures: Failures, cost: Cost) -> tuple[str, str]:
    """The cells below `COST_COLUMNS`."""
    without = failures.length_without(cost.lost)
    return f"{cost.lost:,}", "–" if without is None else f"{without:.2f}"


def table_of(first: str, *numbers: str, title: str) -> Table:
    """A table with columns of numbers behind the first."""
    table = Table(first, title=title, title_justify="left")
    for name in numbers:
        table.add_column(name, justify="right")
    return table
