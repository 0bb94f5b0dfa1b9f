"""Writes the README's table of acceptance: measured runs beside the published ones of the reference.

python -m benchmarks.tables build/bench/text.json build/bench/images.json   # what `bench --json` wrote
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from eagle3_viz.analysis import published, results
from eagle3_viz.analysis.published import Published
from eagle3_viz.analysis.results import Benchmark

BEGIN, END = "<!-- acceptance: `make bench` writes this -->", "<!-- end of acceptance -->"
README = Path(__file__).parents[1] / "README.md"
Column = dict[str, str]


def whole(value: int | None) -> str:
    """A count."""
    return "" if value is None else f"{value:,}"


def rounded(value: float | None, digits: int = 2) -> str:
    """A figure."""
    return "" if value is None else f"{value:.{digits}f}"


def published_column(run: Published) -> Column:
    """A published run, its mean as its counts give it."""
    doubt = "" if run.agrees else f" ({run.mean_acceptance_length:.2f} printed)"
    return {
        "run": run.name,
        "total_num_output_tokens": whole(run.num_output_tokens),
        "num_drafts": whole(run.num_drafts),
        "num_draft_tokens": whole(run.num_draft_tokens),
        "num_accepted_tokens": whole(run.num_accepted_tokens),
        "mean acceptance length": rounded(run.length_from_counts) + doubt,
        **{f"acceptance at token {place}": rounded(rate) for place, rate in enumerate(run.per_position)},
    }


def measured_column(found: Benchmark) -> Column:
    """A run of ours."""
    block, same = found.summary, found.lossless
    return {
        "run": f"{found.settings['pair']}, {Path(found.dataset).stem.replace('_', ' ')}",
        "total_num_output_tokens": whole(block.total_num_output_tokens),
        "num_drafts": whole(block.num_drafts),
        "num_draft_tokens": whole(block.num_draft_tokens),
        "num_accepted_tokens": whole(block.num_accepted_tokens),
        "mean acceptance length": rounded(block.mean_acceptance_length),
        **{f"acceptance at token {place}": rounded(rate) for place, rate in enumerate(block.acceptance_at_token)},
        "tokens/s": rounded(found.report.times.tokens_per_second, 1),
        "tokens/s without speculation": rounded(found.baseline.tokens_per_second, 1) if found.baseline else "",
        "speed-up measured": rounded(found.speed_up.measured),
        "speed-up from acceptance and step times": rounded(found.speed_up.theoretical) if found.baseline else "",
        "answers equal to those without speculation": f"{same.num_equal} of {same.num_compared}" if same else "",
    }


def table(columns: Sequence[Column]) -> str:
    """The columns beside each other, in Markdown."""
    names = list(dict.fromkeys(name for column in columns for name in column if name != "run"))
    head = " | ".join(["", *(column["run"] for column in columns)])
    rows = [" | ".join([name, *(column.get(name, "") for column in columns)]) for name in names]
    return "\n".join([f"|{head} |", "|" + "---|" * (len(columns) + 1), *(f"| {row} |" for row in rows)])


def categories(found: Benchmark) -> str:
    """Acceptance by category, in Markdown."""
    rows = [
        f"| {one.name} | {one.num_prompts} | {one.counters.num_drafts:,} | {rounded(one.mean_acceptance_length)} |"
        for one in found.report.by_category
    ]
    return "\n".join(["| category | prompts | drafts | mean acceptance length |", "|---|---|---|---|", *rows])


def written(readme: str, found: Sequence[Benchmark]) -> str:
    """The README with these runs in its table."""
    before, _, rest = readme.partition(BEGIN)
    _, _, after = rest.partition(END)
    columns = [*map(measured_column, found), *map(published_column, (published.TEXT, published.IMAGES))]
    parts = [table(columns), *(categories(one) for one in found if one.report.by_category)]
    return f"{before}{BEGIN}\n\n" + "\n\n".join(parts) + f"\n\n{END}{after}"


def main() -> None:
    """Write the README anew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="*", type=Path)
    args = parser.parse_args()
    text = written(README.read_text(encoding="utf-8"), [results.load(path) for path in args.runs])
    README.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
