"""The verifier's own texts that a head is asked about, out of a trace."""

from eagle3_viz.errors import InputError
from eagle3_viz.events import RequestFinished
from eagle3_viz.heads.verifier import Text
from eagle3_viz.trace import Trace

LEAST = 8  # tokens of an answer: shorter ones tell nothing


def of_trace(trace: Trace, vocabulary: int) -> list[Text]:
    """The texts of finished requests without images, whose pixels a trace does not hold.

    Raises:
        InputError: there is none, or one that a verifier of so many tokens cannot have written.
    """
    found = [
        Text(name, (*seen.started.token_ids, *seen.ended.output_token_ids), len(seen.started.token_ids))
        for name, seen in trace.requests.items()
        if isinstance(seen.ended, RequestFinished) and not seen.started.images
        if len(seen.ended.output_token_ids) >= LEAST
    ]
    if not found:
        raise InputError(f"the trace holds no finished answer to a text prompt of at least {LEAST} tokens: record some")
    if max(max(text.ids) for text in found) >= vocabulary:
        raise InputError("the trace was recorded with another verifier, of more tokens: give that one")
    return found
