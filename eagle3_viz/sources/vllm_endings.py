"""How a request on a vLLM engine ends: an abort that comes at once, the answer's text, and what went wrong in words."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from eagle3_viz.piece_text import piece_bytes, settled
from eagle3_viz.sources.vllm_request import PieceOf

STOPPED = "vLLM stopped while it was running: its last words are in the terminal"
ORDERLY = ("stop", "length", "abort")  # vLLM has others, for what it could not go on with


def disorder(reason: str) -> str:
    """What is told of a request that vLLM ended for another reason."""
    return f"vLLM could not go on with it: the reason it gives is “{reason}”"


@asynccontextmanager
async def aborted_on(stop: asyncio.Event, llm: Any, engine_id: str) -> AsyncIterator[None]:
    """While this lasts, the request is aborted as soon as `stop` is set."""

    async def abort() -> None:
        await stop.wait()
        await llm.abort(engine_id)

    waiting = asyncio.create_task(abort())
    try:
        yield
    finally:
        waiting.cancel()


def answer_text(told: str, token_ids: Sequence[int], piece_of: PieceOf) -> str:
    """The text of an answer: what vLLM told, where its tokens begin with that, else what they spell.

    vLLM's detokenizer says something else where bytes are no text: it writes a broken character of byte tokens as
    several, or tells the prompt once more where the prompt ended inside of a character.
    """
    data = b"".join(piece_bytes(piece_of(token_id)) for token_id in token_ids)
    return told if data.decode(errors="replace").startswith(told) else settled(data)


def problem(error: Exception) -> str:
    """What is told of a request that failed. vLLM wraps what went wrong in an error without words."""
    from vllm.v1.engine.exceptions import EngineDeadError  # vLLM must not be imported before it is prepared

    if isinstance(error, EngineDeadError) or str(error) == STOPPED:
        return STOPPED
    cause = error if str(error) else error.__cause__ or error
    return f"{type(cause).__name__}: {cause}"
