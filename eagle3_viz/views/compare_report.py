"""Two measurements of the same prompts, in a terminal."""

from collections.abc import Iterator, Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from eagle3_viz.analysis.paired import Gap, Greedy, Moved, Paired
from eagle3_viz.views.bench_report import MAX_LISTED, number
from eagle3_viz.views.words import count, visible

MAX_PROMPT = 60


def show(found: Paired, names: tuple[str, str], console: Console) -> None:
    """Print the comparison."""
    for part in parts(found, names):
        console.print(part, soft_wrap=isinstance(part, str | Text))


def parts(found: Paired, names: tuple[str, str]) -> Iterator[RenderableType]:
    """The comparison, part by part."""
    yield Text(f"A: {visible(names[0])}\nB: {visible(names[1])}", style="bold")
    left_out = (
        f", {found.only_in_a} only in A, {found.only_in_b} only in B" if found.only_in_a + found.only_in_b else ""
    )
    yield f"{count(found.num_pairs, 'answer')} to the same prompts{left_out}"
    yield gaps_table("mean acceptance length", [found.pooled, found.per_request])
    if found.categories:
        yield gaps_table("by category, what moved most first", found.categories)
    yield prompts_table(found.prompts)
    if found.greedy:
        yield from greedy_lines(found.greedy)


def signed(value: float | None) -> str:
    """The value with its sign."""
    return "–" if value is None else f"{value:+.3f}"


def gaps_table(title: str, gaps: Sequence[Gap]) -> Table:
    """Both sides and their difference."""
    table = Table("", title=title, title_justify="left")
    for name in ("answers", "A", "B", "B - A", "95 % interval"):
        table.add_column(name, justify="right")
    for one in gaps:
        interval = "–" if one.interval is None else f"{signed(one.interval[0])} to {signed(one.interval[1])}"
        cells = (number(one.a, 3), number(one.b, 3), signed(one.difference), interval)
        table.add_row(visible(one.name), f"{one.num_pairs:,}", *cells)
    return table


def prompts_table(prompts: Sequence[Moved]) -> Table:
    """The prompts that moved most."""
    table = Table("prompt", "", title="prompts that moved most", title_justify="left")
    for name in ("A", "B", "B - A"):
        table.add_column(name, justify="right")
    for one in prompts[:MAX_LISTED]:
        name = one.prompt_id if one.turn == 1 else f"{one.prompt_id}, turn {one.turn}"
        cells = (number(one.a, 3), number(one.b, 3), signed(one.difference))
        table.add_row(visible(name), visible(one.prompt[:MAX_PROMPT]), *cells)
    return table


def greedy_lines(found: Greedy) -> Iterator[str]:
    """Which head was right where."""
    yield f"answers that are not the same: {found.num_different}"
    yield (
        f"positions that both heads were judged at: both right {found.both_right:,}, only A {found.only_a:,},"
        f" only B {found.only_b:,}, both wrong {found.both_wrong:,}"
    )
    for one in found.spots[:MAX_LISTED]:
        yield f"  {visible(one.prompt_id)}, turn {one.turn}, token {one.position}: only {one.right.upper()} was right"
    if len(found.spots) > MAX_LISTED:
        yield f"  and {len(found.spots) - MAX_LISTED:,} more (--json has all of them)"
