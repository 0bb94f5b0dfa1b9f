"""What a CPU-only machine's environment is set to."""

import os
from pathlib import Path

import pytest

from eagle3_viz import bundled, cpu
from eagle3_viz.sources.opening import bundled_config

BINDING = "VLLM_CPU_OMP_THREADS_BIND"


@pytest.fixture
def three_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with three cores, whose user has set nothing."""
    monkeypatch.setattr(cpu, "is_cpu_only", lambda: True)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {4, 0, 2})
    monkeypatch.setattr(cpu, "ours", {})
    for name in (BINDING, "VLLM_CPU_KVCACHE_SPACE", "VLLM_USE_V2_MODEL_RUNNER"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("three_cores")
def test_an_engine_gets_the_cores_that_its_pair_wants_whatever_ran_before() -> None:
    bound = []
    for num_cores in (None, 1, None):
        cpu.prepare(num_cores)
        bound.append(os.environ[BINDING])
    assert bound == ["0,2,4", "0", "0,2,4"]


@pytest.mark.usefixtures("three_cores")
def test_what_the_user_has_set_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BINDING, "2")
    cpu.prepare(1)
    assert os.environ[BINDING] == "2"


def test_the_small_pair_leaves_a_core_to_the_page() -> None:
    assert bundled_config(bundled.get("tiny-llama4"), None).cpu_cores == 1
    assert bundled_config(bundled.Pair("p", Path("v"), Path("s")), None).cpu_cores is None
