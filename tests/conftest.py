"""What tests of the real engine share: one engine for the whole run, since each costs half a minute."""

import os
from collections.abc import AsyncIterator

import pytest
from hypothesis import settings

from eagle3_viz import bundled, cpu

cpu.prepare()  # before anything imports transformers
os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")

from eagle3_viz.sources.opening import open_engine  # noqa: E402
from eagle3_viz.sources.vllm_engine import VllmSource  # noqa: E402

# How long an example takes depends on what else the machine does.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


@pytest.fixture(scope="session")
def pair() -> bundled.Pair:
    """The bundled pair, ready on disk."""
    return bundled.get("smollm2-135m")


@pytest.fixture(scope="session")
async def vllm_source(pair: bundled.Pair) -> AsyncIterator[VllmSource]:
    """A running engine with the bundled pair."""
    source = await open_engine(lambda message, fraction: None, model=pair.name)
    yield source
    await source.close()


@pytest.fixture(scope="session")
async def seeing_source() -> AsyncIterator[VllmSource]:
    """A running engine with the bundled pair that sees."""
    source = await open_engine(lambda message, fraction: None, model="tiny-llama4")
    yield source
    await source.close()
