"""What the probe in vLLM's worker tells the front end, as it travels between the processes (msgpack, by position)."""

from collections.abc import Iterator, Sequence

import msgspec

LENGTH_BYTES = 4  # before each message on its way, its length, most significant byte first
EXTENSION = "eagle3_viz.sources.vllm_probe.ProbeExtension"

TopRow = list[tuple[int, float | None]]


class Tops(msgspec.Struct, array_like=True, frozen=True):
    """The likeliest tokens of some distributions, largest first; the worker leaves it to the front end to pair them."""

    ids: list[list[int]] = []
    logprobs: list[list[float]] = []

    def rows(self) -> Iterator[TopRow]:
        """Ids with their log-probabilities; those that the distribution cannot give (-inf) are left out."""
        for ids, logprobs in zip(self.ids, self.logprobs, strict=True):
            row: TopRow = list(zip(ids, logprobs, strict=True))
            while row and row[-1][1] == float("-inf"):
                row.pop()
            yield row


class ProposedRow(msgspec.Struct, array_like=True, frozen=True):
    """A judged proposal of one request, K entries each; the numbers are empty where they are not known."""

    ids: list[int]
    drafted: bool  # by the head; otherwise vLLM put the ids in
    logprobs: list[float] = []
    entropies: list[float] = []
    tops: Tops = Tops()


class JudgedRow(msgspec.Struct, array_like=True, frozen=True):
    """What the verifier said of one request in one engine step.

    One entry a judged position and one for the last emitted token: as many as `emitted` has.
    """

    request_id: str
    output_start: int  # position of emitted[0] in all that the worker emitted for the request
    proposed: ProposedRow
    emitted: list[int]
    rule: str | None
    proposed_logprobs: list[float | None]
    emitted_logprobs: list[float]
    entropies: list[float]
    accept_probabilities: Sequence[float | None]
    tops: Tops


class EngineStep(msgspec.Struct, array_like=True, frozen=True):
    """One engine step: the traced requests in it, its times, and how many rows were lost before it, by request."""

    number: int
    time: float  # time.monotonic(), the same clock in every process of a machine
    batch_size: int
    rows: list[JudgedRow]
    draft_ms: float | None  # None: nothing was drafted
    verify_ms: float
    step_ms: float
    probe_ms: float  # of the step, spent in the probe
    lost: dict[str, int]


encoder = msgspec.msgpack.Encoder()
decoder = msgspec.msgpack.Decoder(EngineStep)


def cut(held: bytearray) -> Iterator[EngineStep]:
    """Take the whole messages from the start of what was received."""
    start = 0
    while (end := start + LENGTH_BYTES) <= len(held):
        end += int.from_bytes(held[start:end], "big")
        if end > len(held):
            break
        yield decoder.decode(held[start + LENGTH_BYTES : end])
        start = end
    del held[:start]


def front_end_id(name: str) -> str:
    """The id that the front end gave; the engine has appended a suffix to it."""
    return name.rpartition("-")[0]
