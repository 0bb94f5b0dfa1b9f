"""A benchmark as the page shows it, and as a table: everything but the answers' steps."""

import csv
import io
from typing import Any

import msgspec

from eagle3_viz.analysis import published
from eagle3_viz.analysis.acceptance import mean_length
from eagle3_viz.analysis.measured import Measured
from eagle3_viz.analysis.results import Benchmark

COLUMNS = (
    "prompt_id", "turn", "category", "input", "num_context_tokens", "num_output_tokens", "num_drafts",
    "num_draft_tokens", "num_accepted_tokens", "mean_acceptance_length", "finish_reason", "counters_verified", "prompt",
)  # fmt: skip
MAX_PROMPT = 200


def page(benchmark: Benchmark) -> dict[str, Any]:
    """The report, a line for each answer, and the published runs to hold it against."""
    data: dict[str, Any] = msgspec.to_builtins(msgspec.structs.replace(benchmark, answers=[]))
    data["answers"] = [
        {**row(answer), "prompt": answer.prompt[:MAX_PROMPT], "traced": answer.trace is not None}
        for answer in benchmark.answers
    ]
    data["published"] = [
        {
            **msgspec.to_builtins(run),
            "length_from_counts": run.length_from_counts,
            "length_from_rates": run.length_from_rates,
            "agrees": run.agrees,
        }
        for run in published.RUNS
    ]
    return data


def row(answer: Measured) -> dict[str, Any]:
    """An answer, by column."""
    tally = answer.tally
    values = (
        answer.prompt_id, answer.turn, answer.category, "image" if answer.images else "text",
        answer.num_context_tokens, len(answer.output_token_ids), tally.num_drafts, tally.num_draft_tokens,
        tally.num_accepted_tokens, mean_length([tally]), answer.finish_reason, answer.verified, answer.prompt,
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def as_csv(benchmark: Benchmark) -> str:
    """The answers as CSV. Texts are quoted as JSON is, so that a spreadsheet sees no formula in them."""
    stream = io.StringIO()
    writer = csv.DictWriter(stream, COLUMNS)
    writer.writeheader()
    for answer in benchmark.answers:
        cells = {
            name: msgspec.json.encode(value).decode() if isinstance(value, str) else value
            for name, value in row(answer).items()
        }
        writer.writerow(cells)
    return stream.getvalue()
