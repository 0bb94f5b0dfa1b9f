"""The steps of a trace as a table, one row a step, for whoever wants to count on their own."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eagle3_viz.errors import InputError
from eagle3_viz.events import Judged, Step
from eagle3_viz.trace import Trace

# In a CSV file lists are JSON, and so are texts: their quotation marks keep a spreadsheet from seeing a formula.
COLUMNS = (
    "request_id", "index", "engine_step", "batch_size", "t_ms", "output_start", "num_accepted", "num_cut", "rule",
    "proposed", "proposed_text", "proposed_filler", "proposed_logprob_draft", "proposed_logprob_verifier",
    "accept_probability", "emitted", "emitted_text", "emitted_logprob_verifier", "verifier_entropy",
    "ms_draft", "ms_verify", "ms_step",
)  # fmt: skip


def rows(trace: Trace) -> Iterator[dict[str, Any]]:
    """The steps in the order of the trace. Entries of lists stand for positions, from 0; None: nobody knows."""
    tokens = trace.header.detail == "tokens"
    for event in trace.events:
        if isinstance(event, Step):
            yield row(event, trace, texts=tokens)


def row(step: Step, trace: Trace, *, texts: bool) -> dict[str, Any]:
    """One step, by column."""
    proposed = [token.id for token in step.proposed]
    judged = step.verifier[: len(proposed)]
    values = (
        step.request_id, step.index, step.engine_step, step.batch_size, step.t_ms, step.output_start,
        step.num_accepted, step.num_cut, step.rule,
        proposed,
        [_text(trace, token_id) for token_id in proposed] if texts else [],
        [token.origin == "filler" for token in step.proposed],
        [token.logprob for token in step.proposed],
        _of(judged, "proposed_logprob"), _of(judged, "accept_probability"),
        step.emitted,
        [_text(trace, token_id) for token_id in step.emitted] if texts else [],
        _of(step.verifier, "emitted_logprob"), _of(step.verifier, "entropy"),
        step.ms.draft, step.ms.verify, step.ms.step,
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def write_csv(trace: Trace, path: Path) -> None:
    """Write the rows as CSV, UTF-8.

    Raises:
        OSError: the file cannot be written.
    """
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        for fields in rows(trace):
            writer.writerow({name: _cell(value) for name, value in fields.items()})


def write_parquet(trace: Trace, path: Path) -> None:
    """Write the rows as Parquet, lists as lists.

    Raises:
        InputError: pyarrow is not installed.
        OSError: the file cannot be written.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ModuleNotFoundError as error:
        raise InputError("Parquet needs pyarrow: run `pip install pyarrow`, or write a .csv") from error
    parquet.write_table(pyarrow.Table.from_pylist(list(rows(trace)), schema=_schema(pyarrow)), path)


def _schema(arrow: Any) -> Any:
    """The columns' types, the same whatever the trace holds."""
    whole, real, text, flag = arrow.int64(), arrow.float64(), arrow.string(), arrow.bool_()
    lists = {"proposed": whole, "proposed_text": text, "proposed_filler": flag, "emitted": whole, "emitted_text": text}
    reals = {"proposed_logprob_draft", "proposed_logprob_verifier", "accept_probability"}
    lists |= dict.fromkeys(reals | {"emitted_logprob_verifier", "verifier_entropy"}, real)
    single = {"request_id": text, "rule": text, **dict.fromkeys(("t_ms", "ms_draft", "ms_verify", "ms_step"), real)}
    return arrow.schema(
        [(name, arrow.list_(lists[name]) if name in lists else single.get(name, whole)) for name in COLUMNS]
    )


def _of(judged: list[Judged], field: str) -> list[float | None]:
    return [getattr(row, field) for row in judged]


def _text(trace: Trace, token_id: int) -> str | None:
    """A token's own text: a special one's name, a broken character's sign; None for a filler without a token."""
    piece = trace.pieces.get(token_id)
    if piece is None or isinstance(piece, str):
        return piece
    return piece.special if piece.special is not None else trace.text_of([token_id])


def _cell(value: Any) -> Any:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, list | str) else value
