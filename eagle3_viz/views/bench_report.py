"""A benchmark in a terminal: first the block that model cards print, then what it leaves out."""

from collections.abc import Iterator, Sequence

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from eagle3_viz.analysis import published
from eagle3_viz.analysis.acceptance import PositionRate
from eagle3_viz.analysis.benchmark import Group, Summary
from eagle3_viz.analysis.intervals import Interval
from eagle3_viz.analysis.lossless import Difference, Lossless
from eagle3_viz.analysis.results import Benchmark
from eagle3_viz.views.terminal import fraction
from eagle3_viz.views.words import count, visible

MAX_LISTED = 20


def show(benchmark: Benchmark, console: Console) -> None:
    """Print all of it."""
    for part in parts(benchmark):
        console.print(part, soft_wrap=isinstance(part, str | Text))


def parts(benchmark: Benchmark) -> Iterator[RenderableType]:
    """The report, part by part."""
    report, settings = benchmark.report, benchmark.settings
    yield Text(
        f"{visible(benchmark.dataset)} on {visible(settings['pair'])}, K = {benchmark.engine.num_speculative_tokens},"
        f" temperature {settings['temperature']:g}, {count(settings['concurrency'], 'request')} at a time",
        style="bold",
    )
    yield from block(benchmark.summary)
    yield ""
    yield positions_table(report.positions)
    lengths = report.lengths
    yield f"mean acceptance length of all drafts: {within(lengths.token_weighted, lengths.token_weighted_interval)}"
    yield f"mean over requests of each one's own: {within(lengths.request_weighted, lengths.request_weighted_interval)}"
    yield histogram_table(report.histogram)
    for title, groups in (
        ("by category", report.by_category),
        ("text and image", report.by_input if len(report.by_input) > 1 else []),
        ("by position in the answer", report.by_output_position),
        ("by context length", report.by_context_length),
    ):
        if groups:
            yield groups_table(title, groups)
    yield from time_lines(benchmark)
    yield k_table(benchmark)
    yield published_table(benchmark.summary)
    if benchmark.lossless:
        yield from lossless_lines(benchmark.lossless)
    yield from ending(benchmark)


def block(summary: Summary) -> Iterator[str]:
    """The block, under the names that vLLM's tooling prints."""
    for name in ("total_num_output_tokens", "num_drafts", "num_draft_tokens", "num_accepted_tokens"):
        yield f"{name}: {getattr(summary, name)}"
    yield f"mean acceptance length: {number(summary.mean_acceptance_length)}"
    for position, rate in enumerate(summary.acceptance_at_token):
        yield f"acceptance at token {position}: {number(rate)}"


def number(value: float | None, digits: int = 2) -> str:
    """The value, or a dash."""
    return "–" if value is None else f"{value:,.{digits}f}"


def within(value: float | None, interval: Interval | None) -> str:
    """The value and its 95 % interval."""
    if interval is None:
        return number(value, 3)
    return f"{number(value, 3)} (95 %: {interval[0]:.3f} to {interval[1]:.3f})"


def percent(interval: Interval | None) -> str:
    """An interval of shares."""
    return "" if interval is None else f"{interval[0]:.1%} to {interval[1]:.1%}"


def positions_table(positions: Sequence[PositionRate]) -> Table:
    """Acceptance by position, over both denominators."""
    table = Table("position", title="acceptance, with Wilson's 95 % intervals", title_justify="left")
    for name in ("of all drafts", "", "of those accepted up to here", ""):
        table.add_column(name, justify="right")
    for one in positions:
        table.add_row(
            str(one.position),
            fraction(one.accepted, one.drafts, one.rate_per_draft),
            percent(one.rate_per_draft_interval),
            fraction(one.accepted, one.reached, one.rate_given_prefix),
            percent(one.rate_given_prefix_interval),
        )
    return table


def histogram_table(histogram: Sequence[int]) -> Table:
    """How many drafts had how many tokens accepted."""
    table = Table("accepted", *(str(length) for length in range(len(histogram))), title="accepted tokens of a draft")
    table.title_justify = "left"
    table.add_row("drafts", *(f"{drafts:,}" for drafts in histogram))
    return table


def groups_table(title: str, groups: Sequence[Group]) -> Table:
    """Parts of the drafts beside each other."""
    table = Table("", title=title, title_justify="left")
    for name in ("prompts", "drafts", "mean acceptance length"):
        table.add_column(name, justify="right")
    for position in range(max(len(one.positions) for one in groups)):
        table.add_column(f"at {position}", justify="right")
    for one in groups:
        rates = (number(each.rate_per_draft, 3) for each in one.positions)
        cells = (f"{one.num_prompts:,}", f"{one.counters.num_drafts:,}", number(one.mean_acceptance_length, 3))
        table.add_row(visible(one.name), *cells, *rates)
    return table


def time_lines(benchmark: Benchmark) -> Iterator[str]:
    """Times and speed-ups."""
    times, plain, gain = benchmark.report.times, benchmark.baseline, benchmark.speed_up
    yield (
        f"an engine step: draft {number(times.draft_ms, 1)} ms, verify {number(times.verify_ms, 1)} ms,"
        f" all {number(times.step_ms, 1)} ms"
    )
    yield f"{number(times.tokens_per_second, 1)} tokens/s in {number(times.elapsed_s, 1)} s"
    if plain:
        yield (
            f"without speculation: {number(plain.tokens_per_second, 1)} tokens/s,"
            f" {number(plain.between_steps_ms, 1)} ms a step"
        )
        yield (f"speed-up: {number(gain.measured)} measured, {number(gain.theoretical)} from acceptance and step times")
    else:
        yield f"speed-up: {number(gain.at_most)} if verifying K + 1 tokens took as long as one (--baseline measures it)"


def k_table(benchmark: Benchmark) -> Table:
    """What other K give: measured where a sweep was made, estimated from this run otherwise."""
    table = Table("K", title="other K", title_justify="left")
    for name in ("mean acceptance length", "tokens/s", ""):
        table.add_column(name, justify="right")
    own = (benchmark.summary.mean_acceptance_length, benchmark.report.times.tokens_per_second, "measured")
    rows = {
        one.num_speculative_tokens: (one.mean_acceptance_length, one.tokens_per_second, "estimate, one request")
        for one in benchmark.estimates
    }
    rows[benchmark.engine.num_speculative_tokens] = own
    for one in benchmark.sweep:
        rows[one.num_speculative_tokens] = (one.mean_acceptance_length, one.tokens_per_second, "measured")
    for k, (length, pace, how) in sorted(rows.items()):
        best = ", fastest" if k == benchmark.fastest else ""
        table.add_row(str(k), number(length, 3), number(pace, 1), how + best)
    return table


def published_table(summary: Summary) -> Table:
    """This run beside those that others published."""
    table = Table("run", title=f"beside published runs, K = {published.K}", title_justify="left")
    for name in ("printed mean", "1 + accepted / drafts", "1 + printed rates", "at 0", "at 1", "at 2"):
        table.add_column(name, justify="right")
    rates = summary.acceptance_at_token
    ours = (f"{rate:.2f}" for rate in rates[: published.K] if rate is not None)
    table.add_row(f"this one, K = {len(rates)}", "", number(summary.mean_acceptance_length), "", *ours)
    for run in published.RUNS:
        doubt = " (not from its counts)" if run.agrees is False else ""
        cells = (number(run.length_from_counts), number(run.length_from_rates))
        table.add_row(run.name, number(run.mean_acceptance_length) + doubt, *cells, *map(number, run.per_position))
    return table


def lossless_lines(found: Lossless) -> Iterator[str]:
    """Whether the answers are those that the verifier writes alone."""
    yield f"{found.num_equal} of {count(found.num_compared, 'answer')} equal those without speculation"
    for one in found.differences[:MAX_LISTED]:
        yield f"  {visible(one.prompt_id)}, turn {one.turn}: {difference(one)}"
    if len(found.differences) > MAX_LISTED:
        yield f"  and {len(found.differences) - MAX_LISTED} more"


def difference(one: Difference) -> str:
    """Where two answers part, and why."""
    verdict = {True: "a tie", False: "NOT a tie", None: "margins unknown"}[one.tie]
    return (
        f"token {one.position}: first choice ahead of the second by {number(one.margin_with_speculation, 4)} with"
        f" speculation, {number(one.margin_without, 4)} without: {verdict}"
    )


def ending(benchmark: Benchmark) -> Iterator[RenderableType]:
    """How far the figures can be trusted."""
    verified = benchmark.report.verified
    yield (
        f"counts: {verified.equal} answers equal to the engine's own counters, {verified.different} different,"
        f" {verified.unverified} unverified"
    )
    if benchmark.num_before:
        yield f"{count(benchmark.num_before, 'answer')} of an earlier start of this command kept, the others made now"
    if benchmark.unmeasured:
        yield Text(f"not measured: {len(benchmark.unmeasured)}", style="bold yellow")
        for one in benchmark.unmeasured[:MAX_LISTED]:
            yield f"  {visible(one.place)}: {visible(one.problem)}"
        if len(benchmark.unmeasured) > MAX_LISTED:
            yield f"  and {len(benchmark.unmeasured) - MAX_LISTED} more"
    if benchmark.interrupted:
        whole = benchmark.report.num_prompts == benchmark.num_asked
        what = ", and not all that they were to be compared with" if whole else ""
        told = f"interrupted: {benchmark.report.num_prompts} of {benchmark.num_asked} prompts{what}"
        yield Text(told, style="bold yellow")
