"""What the probe in vLLM's worker tells the front end, as it travels between the processes (msgpack, by position)."""

import msgspec

EXTENSION = "eagle3_viz.sources.vllm_probe.ProbeExtension"
TRACE_KEY = "eagle3_viz"  # in SamplingParams.extra_args: how many alternatives to record; absent: not traced

TopRow = list[tuple[int, float | None]]


class ProposedRow(msgspec.Struct, array_like=True, frozen=True):
    """A judged proposal of one request, K entries each; `logprobs` and `tops` are empty where nobody drafted it."""

    ids: list[int]
    logprobs: list[float | None]
    tops: list[TopRow]


class JudgedRow(msgspec.Struct, array_like=True, frozen=True):
    """What the verifier said of one request in one engine step.

    One entry a judged position and one for the last emitted token: as many as `emitted` has.
    """

    request_id: str
    output_start: int  # position of emitted[0] in the request's output
    proposed: ProposedRow
    emitted: list[int]
    rule: str | None
    proposed_logprobs: list[float | None]
    emitted_logprobs: list[float]
    entropies: list[float]
    accept_probabilities: list[float]
    tops: list[TopRow]


class EngineStep(msgspec.Struct, array_like=True, frozen=True):
    """One engine step: the traced requests in it, its times, and how many rows were lost before it, by request."""

    number: int
    time: float  # time.monotonic(), the same clock in every process of a machine
    batch_size: int
    rows: list[JudgedRow]
    draft_ms: float
    verify_ms: float
    step_ms: float
    lost: dict[str, int]


encoder = msgspec.msgpack.Encoder()
decoder = msgspec.msgpack.Decoder(EngineStep)
