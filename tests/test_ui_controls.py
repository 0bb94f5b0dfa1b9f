"""From the controls to a request."""

import pytest

from eagle3_viz.errors import InputError
from eagle3_viz.events import EngineInfo, Sampling
from eagle3_viz.ui.controls import CHAT, DEFAULT_MAX_TOKENS, RAW, Controls, build_request

ENGINE = EngineInfo(verifier="v", num_speculative_tokens=3, max_model_len=2048)


def controls(
    *,
    prompt: str | None = "Hello",
    mode: str = CHAT,
    max_tokens: float | None = 100,
    temperature: float | None = 0,
    seed: str | None = "",
) -> Controls:
    return Controls(prompt, mode, max_tokens, temperature, seed)


def test_a_chat_prompt_becomes_a_message() -> None:
    request = build_request(controls(temperature=0.8, seed=" 7 "), ENGINE)
    assert request.messages == [{"role": "user", "content": "Hello"}]
    assert request.prompt is None
    assert request.sampling == Sampling(temperature=0.8, seed=7, max_tokens=100)


def test_raw_text_stays_as_it_is() -> None:
    request = build_request(controls(prompt=" Once upon", mode=RAW), ENGINE)
    assert request.prompt == " Once upon"
    assert request.messages is None


def test_emptied_numbers_mean_the_defaults() -> None:
    sampling = build_request(controls(max_tokens=None, temperature=None, seed=None), ENGINE).sampling
    assert sampling == Sampling(temperature=0.0, seed=None, max_tokens=DEFAULT_MAX_TOKENS)


def test_run_ids_cannot_be_guessed() -> None:
    ids = {build_request(controls(), ENGINE).request_id for _ in range(100)}
    assert len(ids) == 100
    assert all(len(run_id) >= 22 for run_id in ids)


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (controls(prompt=None), "prompt is empty"),
        (controls(prompt="\n "), "prompt is empty"),
        (controls(prompt="x" * 10_000_000), "10,000,000 characters"),
        (controls(max_tokens=0), "max tokens is 0"),
        (controls(max_tokens=1.5), "max tokens is 1.5"),
        (controls(max_tokens=4096), "takes 2,048"),
        (controls(temperature=-1), "temperature is -1"),
        (controls(seed="-1"), "seed is '-1'"),
        (controls(seed="1e3"), "seed is '1e3'"),
        (controls(seed=str(2**32)), "seed is"),
    ],
)
def test_bad_values_are_named(bad: Controls, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        build_request(bad, ENGINE)
