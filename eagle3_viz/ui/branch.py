"""A run that shares the beginning of another one and goes on with a token that a visitor chose."""

import msgspec

from eagle3_viz.errors import InputError
from eagle3_viz.events import EngineInfo, Parent
from eagle3_viz.sources.base import Request
from eagle3_viz.ui.runs import Run, new_run_id


def branch(run: Run, position: int, token_id: int, engine: EngineInfo) -> Request:
    """The request that keeps the first `position` tokens of `run`'s answer and puts `token_id` behind them.

    Raises:
        InputError: there is no such position or token, part of the answer is not known, or another verifier is loaded
            now.
    """
    if engine.verifier != run.trace.engine.verifier:
        raise InputError(f"This run was made with {run.trace.engine.verifier}: load that pair again to continue it.")
    if run.trace.requests[run.run_id].num_dropped:
        raise InputError("Steps of this run were lost, and with them a part of its answer: generate it again.")
    output = run.trace.requests[run.run_id].output_token_ids
    if not 0 <= position <= len(output):
        raise InputError(f"This run has no token {position}: its answer has {len(output)}.")
    if token_id not in run.trace.pieces:
        raise InputError("This token was not recorded in the run: choose one of those that are shown.")
    return msgspec.structs.replace(
        run.request,
        request_id=new_run_id(),
        continues=(*run.request.continues, *output[:position], token_id),
        parent=Parent(
            trace_id=run.trace.header.trace_id, request_id=run.run_id, output_position=position, token_id=token_id
        ),
    )
