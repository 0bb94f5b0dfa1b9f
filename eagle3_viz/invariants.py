"""What must hold of the events of a trace. Each check raises `TraceError` where it does not, and changes nothing."""

from collections.abc import Mapping
from itertools import chain
from operator import itemgetter

from eagle3_viz.events import (
    Counters,
    Piece,
    Pieces,
    RequestFinished,
    Step,
    StepsDropped,
    TraceFinished,
    TraceStarted,
)
from eagle3_viz.records import Progress

MAX_SPECULATIVE_TOKENS = 128  # vLLM's own limit
first = itemgetter(0)


class TraceError(ValueError):
    """An event that breaks the contract of a trace."""


def check_started(event: TraceStarted) -> None:
    """K is one that an engine can have; 0 is an engine that does not speculate."""
    k = event.engine.num_speculative_tokens
    if not 0 <= k <= MAX_SPECULATIVE_TOKENS:
        raise TraceError(f"num_speculative_tokens is {k}: it is 0 to {MAX_SPECULATIVE_TOKENS}")


def check_step(step: Step, num_speculative_tokens: int) -> None:
    """A step holds together."""
    proposed = [token.id for token in step.proposed]
    if len(proposed) > num_speculative_tokens:
        raise TraceError(f"step {step.index}: {len(proposed)} tokens proposed where K is {num_speculative_tokens}")
    if not 0 <= step.num_accepted <= len(proposed):
        raise TraceError(f"step {step.index}: {step.num_accepted} of {len(proposed)} accepted")
    if step.emitted[: step.num_accepted] != proposed[: step.num_accepted]:
        raise TraceError(f"step {step.index}: accepted tokens differ from the proposed ones")
    if len(step.emitted) != step.num_accepted + 1:
        raise TraceError(f"step {step.index}: {len(step.emitted)} tokens emitted with {step.num_accepted} accepted")
    if not 0 <= step.num_cut <= len(step.emitted):
        raise TraceError(f"step {step.index}: {step.num_cut} of {len(step.emitted)} tokens cut")


def check_order(step: Step, progress: Progress) -> None:
    """A step follows the ones that its request has."""
    if progress.stopped and step.num_cut < len(step.emitted):
        raise TraceError(f"step {step.index} comes after the stop of {step.request_id}")
    if step.index != progress.next_index:
        raise TraceError(f"step {step.index} of {step.request_id} where {progress.next_index} was due")
    if not (progress.num_dropped or progress.stopped) and step.output_start != len(progress.output_token_ids):
        raise TraceError(f"step {step.index} starts at {step.output_start}, not {len(progress.output_token_ids)}")


def check_dropped(event: StepsDropped, progress: Progress) -> None:
    """Something was dropped, after the steps that its request has."""
    if event.count < 1:
        raise TraceError(f"{event.count} steps of {event.request_id} were dropped")
    last = progress.next_index - 1
    if event.after_index != last:
        raise TraceError(f"steps of {event.request_id} dropped after {event.after_index}, not {last}")


def check_shown(event: Pieces) -> None:
    """Token ids count from 0."""
    if event.pieces and min(event.pieces) < 0:
        raise TraceError(f"token {min(event.pieces)} has a piece: ids count from 0")


def check_pieces(step: Step, pieces: Mapping[int, str | Piece]) -> None:
    """Ids are shown before they are used."""
    token_ids = used_ids(step)
    if not token_ids <= pieces.keys():
        raise TraceError(f"token {min(token_ids - pieces.keys())} is used before its piece")


def check_output(event: RequestFinished, output_token_ids: list[int], text: str) -> None:
    """The output is what the steps emitted; `text` is that of the output's pieces."""
    if output_token_ids != event.output_token_ids:
        raise TraceError(f"request {event.request_id}: the steps' tokens are not its output")
    # The engine holds an unfinished character back, and a stop string may cut inside a token.
    if not text.startswith(event.text):
        raise TraceError(f"request {event.request_id}: the output's pieces are not its text")


def check_counters(event: RequestFinished, derived: Counters) -> None:
    """Counters that are said to be verified are the steps'."""
    if event.counters_verified and derived != event.engine_counters:
        raise TraceError(f"request {event.request_id}: counters said to be verified differ from the steps'")


def check_finished(event: TraceFinished, running: Mapping[str, Progress], num_requests: int) -> None:
    """All requests are there, and over."""
    if event.num_requests != num_requests:
        raise TraceError(f"{num_requests} requests were recorded, not {event.num_requests}")
    if running:
        raise TraceError(f"requests have not ended: {', '.join(running)}")


def used_ids(step: Step) -> set[int]:
    """Every token id that a step names, fillers without a token (-1) left out."""
    ids = {token.id for token in step.proposed}
    ids.update(step.emitted)
    tops = chain((token.top for token in step.proposed), (row.top for row in step.verifier))
    ids.update(map(first, chain.from_iterable(tops)))
    ids.discard(-1)
    return ids
