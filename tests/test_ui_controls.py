"""From the controls to a request."""

from typing import Any

import pytest

from eagle3_viz.errors import InputError
from eagle3_viz.events import EngineInfo, Sampling
from eagle3_viz.sources.base import Progress, Request, Source
from eagle3_viz.sources.scripted import Script, ScriptedSource
from eagle3_viz.ui.controls import CHAT, DEFAULT_MAX_TOKENS, RAW, Controls, build_request, launch
from eagle3_viz.ui.host import Host
from eagle3_viz.ui.models import Model
from eagle3_viz.ui.runs import Runs
from eagle3_viz.ui.uploads import Uploads
from tests.picturing import png

ENGINE = EngineInfo(verifier="v", num_speculative_tokens=3, max_model_len=2048)


def controls(
    *,
    prompt: str | None = "Hello",
    mode: str = CHAT,
    max_tokens: float | None = 100,
    temperature: float | None = 0,
    seed: str | None = "",
    images: list[dict[str, Any]] | None = None,
) -> Controls:
    return Controls(prompt, images, mode, max_tokens, temperature, seed)


def request_of(given: Controls, files: tuple[bytes, ...] = (), engine: EngineInfo = ENGINE) -> Request:
    return build_request(given, files, engine)


def test_a_chat_prompt_becomes_a_message() -> None:
    request = request_of(controls(temperature=0.8, seed=" 7 "))
    assert request.messages == [{"role": "user", "content": "Hello"}]
    assert request.prompt is None
    assert request.sampling == Sampling(temperature=0.8, seed=7, max_tokens=100)


def test_raw_text_stays_as_it_is() -> None:
    request = request_of(controls(prompt=" Once upon", mode=RAW))
    assert request.prompt == " Once upon"
    assert request.messages is None


def test_emptied_numbers_mean_the_defaults() -> None:
    sampling = request_of(controls(max_tokens=None, temperature=None, seed=None)).sampling
    assert sampling == Sampling(temperature=0.0, seed=None, max_tokens=DEFAULT_MAX_TOKENS)


def test_run_ids_cannot_be_guessed() -> None:
    ids = {request_of(controls()).request_id for _ in range(100)}
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
        request_of(bad)


def test_images_go_before_the_text() -> None:
    request = request_of(controls(prompt="What is this?"), (b"one", b"two"))
    assert request.images == (b"one", b"two")
    assert request.messages == [
        {"role": "user", "content": [{"type": "image"}, {"type": "image"}, {"type": "text", "text": "What is this?"}]}
    ]
    assert request_of(controls(mode=RAW, prompt="<|image|>A"), (b"one",)).prompt == "<|image|>A"


@pytest.mark.parametrize(("most", "number"), [(1, 2), (None, 5), (999, 5)])
def test_more_images_than_the_model_takes_are_refused(most: int | None, number: int) -> None:
    engine = EngineInfo(verifier="v", num_speculative_tokens=3, images_per_prompt=most)
    with pytest.raises(InputError, match=f"{number} images, of which at most"):
        request_of(controls(), (b"one",) * number, engine)


def model(name: str, images_per_prompt: int) -> Model:
    async def opener(progress: Progress) -> Source:
        return ScriptedSource(Script(images_per_prompt=images_per_prompt, num_tokens=9))

    return Model(name, opener, sees=images_per_prompt > 0)


async def opened(*models: Model) -> Host:
    host = Host(models)
    with host.news.listen() as news:
        host.start()
        while host.state.phase == "loading":
            news.clear()
            await news.wait()
    return host


async def test_an_image_prompt_on_a_text_pair_offers_the_one_that_sees() -> None:
    uploads = Uploads()
    added = [{"id": (await uploads.add(png(), "cat.png")).id}]
    host = await opened(model("reader", 0), model("seer", 4))
    refused = launch(host, Runs(), uploads, str, controls(images=added))
    assert (refused.run, refused.offer) == (None, "seer")
    assert refused.problem == "reader reads text only. seer takes images too."
    assert refused.cost == "seer"  # what `price` said of it
    alone = launch(await opened(model("reader", 0)), Runs(), uploads, str, controls(images=added))
    assert (alone.offer, alone.problem) == (None, "reader reads text only. Remove the image.")


async def test_a_run_keeps_the_files_of_its_images() -> None:
    uploads, runs = Uploads(), Runs()
    added = [{"id": (await uploads.add(png(), "cat.png")).id}]
    launched = launch(await opened(model("seer", 4)), runs, uploads, str, controls(images=added))
    run = runs.get(str(launched.run))
    assert run
    await run.wait()
    assert run.request.images == (png(),)
    assert [image.num_tokens for image in run.trace.requests[run.run_id].started.images] == [6]


async def test_an_image_that_is_not_held_any_more_is_told() -> None:
    launched = launch(await opened(model("seer", 4)), Runs(), Uploads(), str, controls(images=[{"id": "gone"}]))
    assert "add it again" in str(launched.problem)
