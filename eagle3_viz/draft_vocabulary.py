"""Which tokens a draft head can propose, as a trace's first line holds it: a bit for each id of the verifier's.

Bit `id % 8`, from the least significant, of byte `id // 8` is 1 where the head can propose `id`. The bytes may end
early: ids behind them are outside.
"""

from collections.abc import Iterable

import msgspec

from eagle3_viz.events import EngineInfo


def packed(token_ids: Iterable[int]) -> bytes:
    """The bits of these ids, which count from 0."""
    ids = set(token_ids)
    bits = bytearray(max(ids, default=-1) // 8 + 1)
    for token_id in ids:
        bits[token_id // 8] |= 1 << token_id % 8
    return bytes(bits)


def holds(engine: EngineInfo, token_id: int) -> bool | None:
    """Whether the head can propose a token; None where the trace does not say."""
    bits = engine.draft_vocabulary
    if not isinstance(bits, msgspec.UnsetType):
        return 0 <= token_id < 8 * len(bits) and bool(bits[token_id // 8] >> token_id % 8 & 1)
    whole = engine.draft_vocab_size is not None and engine.draft_vocab_size == engine.vocab_size
    return True if whole else None


def only(engine: EngineInfo, token_ids: Iterable[int]) -> EngineInfo:
    """The same engine, its vocabulary exact for these ids alone: small where it is handed out many times."""
    if isinstance(engine.draft_vocabulary, msgspec.UnsetType):
        return engine
    kept = packed(token_id for token_id in token_ids if holds(engine, token_id))
    return msgspec.structs.replace(engine, draft_vocabulary=kept)
