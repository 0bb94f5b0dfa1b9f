"""What benchmarks on real engines share: a bundled pair's engine, prompts, and the memory of its processes."""

import dataclasses
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psutil

from eagle3_viz import bundled, cpu, web
from eagle3_viz.sources.opening import bundled_config

PROMPTS = web.folder() / "prompts.jsonl"


@asynccontextmanager
async def running(model: str, **engine_args: Any) -> AsyncIterator[Any]:
    """The engine of a bundled pair, with further arguments of vLLM."""
    os.environ.setdefault("VLLM_LOGGING_STREAM", "ext://sys.stderr")  # stdout is for what was measured
    cpu.prepare()
    config = bundled_config(bundled.get(model), None)
    from eagle3_viz.sources.vllm_engine import VllmSource

    source = await VllmSource.open(dataclasses.replace(config, engine_args={**config.engine_args, **engine_args}))
    try:
        yield source
    finally:
        await source.close()


def prompts() -> list[str]:
    """The benchmark's own."""
    return [json.loads(line)["prompt"] for line in PROMPTS.read_text("utf-8").splitlines()]


def engine_rss_mb() -> float:
    """Resident memory of the engine's processes, in MiB."""
    children = psutil.Process().children(recursive=True)
    named = [child for child in children if child.name().startswith("VLLM::")]
    return float(sum(child.memory_info().rss for child in named)) / 2**20
