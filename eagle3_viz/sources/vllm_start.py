"""Starting vLLM for a pair, and describing what was started. CPU and GPU by the same code."""

import os
from pathlib import Path
from typing import Any

import msgspec

from eagle3_viz import cpu
from eagle3_viz.config import EngineConfig, Pair
from eagle3_viz.errors import InputError
from eagle3_viz.events import EngineInfo
from eagle3_viz.sources.base import Progress
from eagle3_viz.sources.vllm_messages import EXTENSION
from eagle3_viz.sources.vllm_prompt import images_per_prompt

ROLES = ("verifier", "speculator")  # a folder of that name says nothing: its parent does


def start_engine(config: EngineConfig, pair: Pair, progress: Progress, *, speculate: bool = True) -> Any:
    """Start an `AsyncLLM`, without its draft head if it shall not `speculate`. Blocks for as long as that takes.

    Raises:
        InputError: vLLM does not take an engine argument, or does not judge by the chosen rule here.
    """
    cpu.prepare(config.cpu_cores)
    if Path(pair.verifier).is_dir() and Path(pair.speculator).is_dir():
        os.environ.setdefault("HF_HUB_OFFLINE", "1")  # nothing to ask the hub for
    from vllm import AsyncEngineArgs
    from vllm.v1.engine.async_llm import AsyncLLM

    head = "and its draft head" if speculate else "without its draft head"
    progress(f"Loading {Path(pair.verifier).name} {head}", None)
    arguments: dict[str, Any] = {
        "model": pair.verifier,
        "dtype": config.dtype,
        "tensor_parallel_size": config.tensor_parallel_size,
        "mm_processor_cache_gb": 0,  # by default 4 GiB in two processes each, for pictures seldom sent twice
    }
    if config.max_model_len is not None:
        arguments["max_model_len"] = config.max_model_len
    if cpu.is_cpu_only():
        arguments["enforce_eager"] = True
    extra = dict(config.engine_args)
    chosen = extra.pop("speculative_config", {})
    if speculate:
        arguments |= speculation(pair, chosen)
    try:
        return AsyncLLM.from_engine_args(AsyncEngineArgs(**{**arguments, **extra}))
    except (TypeError, ValueError) as error:
        raise InputError(f"vLLM does not take these engine arguments: {error}") from error


def speculation(pair: Pair, chosen: dict[str, Any]) -> dict[str, Any]:
    """The engine arguments of speculating and of watching it; `chosen` goes before what is usual.

    Raises:
        InputError: this machine's vLLM does not judge by the chosen rule.
    """
    config = {
        "method": "eagle3",
        "model": pair.speculator,
        "num_speculative_tokens": pair.num_speculative_tokens,
        **chosen,
    }
    check_rule(config.get("rejection_sample_method", "standard"))
    return {
        "speculative_config": config,
        "worker_extension_cls": EXTENSION,
        "per_request_spec_decode_metrics": "detailed",
    }


def check_rule(method: str) -> None:
    """Check that vLLM judges by this `rejection_sample_method` on this machine.

    Raises:
        InputError: it does not.
    """
    if not cpu.is_cpu_only() or method == "standard":
        return
    reasons = {
        "synthetic": "vLLM says: Synthetic acceptance not supported with CPU sampling",
        "block": "vLLM's model runner V1, the only one on a CPU, would judge by the standard rule all the same",
    }
    raise InputError(f"rejection_sample_method is '{method}': {reasons.get(method, 'not known here')}. Leave it out")


def describe(
    engine: Any, pair: Pair, *, model_runner: str | None = None, draft_vocabulary: bytes | None = None
) -> EngineInfo:
    """The trace's description of a running engine; the last two are as the worker found them."""
    import vllm
    from vllm.platforms import current_platform

    config = engine.vllm_config
    return EngineInfo(
        verifier=display_name(pair.verifier),
        **describe_draft(config.speculative_config, pair),
        vocab_size=config.model_config.get_vocab_size(),
        draft_vocabulary=msgspec.UNSET if draft_vocabulary is None else draft_vocabulary,
        vllm_version=vllm.__version__,
        model_runner=model_runner,
        async_scheduling=bool(config.scheduler_config.async_scheduling),
        device=current_platform.device_type,
        dtype=str(config.model_config.dtype).removeprefix("torch."),
        tensor_parallel_size=config.parallel_config.tensor_parallel_size,
        max_model_len=config.model_config.max_model_len,
        max_num_seqs=config.scheduler_config.max_num_seqs,
        images_per_prompt=images_per_prompt(config.model_config),
    )


def describe_draft(speculative: Any, pair: Pair) -> dict[str, Any]:
    """What vLLM's speculative config and the head's own say of it; `speculative` is None where there is none."""
    if speculative is None:
        return {"num_speculative_tokens": 0}
    head = pair.speculator_config
    aux = head.get("eagle_aux_hidden_state_layer_ids") or (head.get("eagle_config") or {}).get(
        "eagle_aux_hidden_state_layer_ids"
    )
    return {
        "draft": display_name(pair.speculator),
        "method": speculative.method,
        "num_speculative_tokens": speculative.num_speculative_tokens,
        "draft_sample_method": speculative.draft_sample_method,
        "rejection_sample_method": speculative.rejection_sample_method,
        "draft_vocab_size": head.get("draft_vocab_size"),
        "aux_hidden_state_layer_ids": aux,
    }


def display_name(checkpoint: str) -> str:
    """A checkpoint's name without the machine's folders."""
    path = Path(checkpoint)
    if not path.is_dir():
        return checkpoint
    resolved = path.resolve()
    return resolved.parent.name if resolved.name in ROLES else resolved.name
