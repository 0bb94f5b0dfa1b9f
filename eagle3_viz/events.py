"""The seam: frozen event types. Sources make them, everything else explains them.

One event is one line of a trace file. Field names are a contract (see docs/design.md). This module knows neither
vLLM nor any view, and computes nothing. `None` in any field means that the source does not know.

Times (`t_ms`) are milliseconds since `trace_started`, monotonic. Log-probabilities are natural logarithms of the raw
distributions: before temperature, penalties and grammar masks. Token ids are in the verifier's vocabulary.
"""

import builtins
from typing import Any, Literal

import msgspec
from msgspec import UNSET, UnsetType

FinishReason = Literal["stop", "length", "abort"]
TopEntry = tuple[int, float | None]  # (token id, log-probability)


class EngineInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Which engine made the trace, in vLLM's own words."""

    verifier: str
    draft: str | None = None
    method: str | None = None
    num_speculative_tokens: int
    draft_sample_method: str | None = None
    rejection_sample_method: str | None = None
    vocab_size: int | None = None
    draft_vocab_size: int | None = None
    draft_vocabulary: bytes | UnsetType = UNSET  # where the sizes differ: a bit an id, see `draft_vocabulary.py`
    aux_hidden_state_layer_ids: list[int] | None = None
    vllm_version: str | None = None
    model_runner: str | None = None  # "v1" or "v2"
    async_scheduling: bool | None = None
    device: str | None = None
    dtype: str | None = None
    tensor_parallel_size: int | None = None
    max_model_len: int | None = None
    max_num_seqs: int | None = None  # how many requests it works on at once
    images_per_prompt: int | None = None  # how many images the verifier takes; 0: it reads text only


class Counters(msgspec.Struct, frozen=True, kw_only=True):
    """vLLM's own counters of speculative decoding, for one request or one recording."""

    num_drafts: int
    num_draft_tokens: int
    num_accepted_tokens: int
    num_accepted_tokens_per_pos: list[int]


class TraceStarted(msgspec.Struct, frozen=True, kw_only=True, tag="trace_started"):
    """First line of a trace."""

    schema: int
    trace_id: str
    created: str  # UTC, ISO 8601
    detail: Literal["tokens", "counts"] = "tokens"
    engine: EngineInfo


class Image(msgspec.Struct, frozen=True, kw_only=True):
    """An image of the prompt: its size, its identity, and a small picture of it."""

    width: int  # in pixels, as the engine saw it: upright
    height: int
    sha256: str  # of the file
    num_tokens: int | None = None  # how many of the prompt's `token_ids` stand for it
    thumbnail: str | None = None  # data URL


class Sampling(msgspec.Struct, frozen=True, kw_only=True):
    """The sampling parameters that were asked for, by vLLM's names. What is UNSET was left at vLLM's default."""

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int | None = None
    seed: int | None = None
    max_tokens: int = 256
    min_p: float | UnsetType = UNSET
    presence_penalty: float | UnsetType = UNSET
    frequency_penalty: float | UnsetType = UNSET
    repetition_penalty: float | UnsetType = UNSET
    logit_bias: dict[int, float] | UnsetType = UNSET
    allowed_token_ids: list[int] | UnsetType = UNSET
    bad_words: list[str] | UnsetType = UNSET
    stop: list[str] | UnsetType = UNSET
    stop_token_ids: list[int] | UnsetType = UNSET
    ignore_eos: bool | UnsetType = UNSET
    min_tokens: int | UnsetType = UNSET
    json_schema: dict[str, Any] | UnsetType = UNSET  # the output has to be JSON of this schema


class Parent(msgspec.Struct, frozen=True, kw_only=True):
    """Where a branch left another run."""

    trace_id: str
    request_id: str
    output_position: int
    token_id: int


class RequestStarted(msgspec.Struct, frozen=True, kw_only=True, tag="request_started"):
    """A request entered the engine."""

    request_id: str
    t_ms: float
    messages: list[dict[str, Any]] | None = None
    text: str
    token_ids: list[int]
    images: list[Image] = []
    sampling: Sampling = Sampling()
    parent: Parent | None = None


class Piece(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A token that is not plain text: half a character (`bytes`) or a special token (`special`)."""

    bytes: builtins.bytes | None = None
    special: str | None = None


class Pieces(msgspec.Struct, frozen=True, kw_only=True, tag="pieces"):
    """What tokens look like. Comes before the ids are first used."""

    pieces: dict[int, str | Piece]


class Proposed(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One proposed token; `entropy` of the draft's distribution, in nats.

    `origin` is "filler" where vLLM put the token in without asking the head.
    """

    id: int
    logprob: float | None = None
    entropy: float | None = None
    top: list[TopEntry] = []
    origin: Literal["filler"] | None = None


class Judged(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the verifier believed at one position; `entropy` in nats."""

    proposed_logprob: float | None = None
    emitted_logprob: float | None = None
    accept_probability: float | None = None
    entropy: float | None = None
    top: list[TopEntry] = []


class Milliseconds(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Time of the engine step, shared by all requests in it: join on `engine_step` before adding up."""

    draft: float | None = None
    verify: float | None = None
    step: float | None = None
    probe: float | None = None  # of the step, spent in watching it


class Step(msgspec.Struct, frozen=True, kw_only=True, tag="step"):
    """One verifier pass over one request's proposal."""

    request_id: str
    t_ms: float
    index: int
    engine_step: int
    batch_size: int
    output_start: int  # position of emitted[0] in the request's output
    proposed: list[Proposed] = []
    num_accepted: int
    emitted: list[int]
    num_cut: int = 0  # how many of `emitted` a stop removed from the end
    rule: str | None = None
    verifier: list[Judged] = []
    ms: Milliseconds = Milliseconds()


class StepsDropped(msgspec.Struct, frozen=True, kw_only=True, tag="steps_dropped"):
    """The source lost `count` steps of a request after the step with index `after_index` (-1: before the first)."""

    request_id: str
    t_ms: float
    after_index: int
    count: int


class RequestFinished(msgspec.Struct, frozen=True, kw_only=True, tag="request_finished"):
    """A request left the engine in order."""

    request_id: str
    t_ms: float
    finish_reason: FinishReason
    text: str
    output_token_ids: list[int]
    engine_counters: Counters | None = None
    counters_verified: bool | None = None


class RequestFailed(msgspec.Struct, frozen=True, kw_only=True, tag="request_failed"):
    """A request could not be run, or not to its end."""

    request_id: str
    t_ms: float
    error: str


class TraceFinished(msgspec.Struct, frozen=True, kw_only=True, tag="trace_finished"):
    """Last line of a trace that was not cut short.

    `engine_totals` is what the engine counted while it recorded, aborted requests and all; where it served others at
    the same time, the sum of what it gave for each request.
    """

    t_ms: float
    num_requests: int
    engine_totals: Counters | None = None


Event = TraceStarted | RequestStarted | Pieces | Step | StepsDropped | RequestFinished | RequestFailed | TraceFinished
