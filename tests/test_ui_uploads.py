"""Images on their way from a browser into a prompt."""

import hashlib

import httpx
import pytest
from fastapi import FastAPI

from eagle3_viz.config import MAX_IMAGE_BYTES
from eagle3_viz.errors import InputError
from eagle3_viz.sources.base import Progress, Source
from eagle3_viz.sources.scripted import ScriptedSource
from eagle3_viz.ui.host import Host
from eagle3_viz.ui.models import Model
from eagle3_viz.ui.routes import PREFIX, router
from eagle3_viz.ui.runs import Runs
from eagle3_viz.ui.uploads import Uploads
from tests.picturing import BAD_FILES, png


async def opener(_: Progress) -> Source:
    return ScriptedSource()


def client(uploads: Uploads) -> httpx.AsyncClient:
    app = FastAPI()
    app.include_router(router(Host([Model("a", opener)]), Runs(), uploads, str, Runs().stop_all))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url=f"http://demo{PREFIX}/")


async def test_the_file_is_kept_byte_for_byte() -> None:
    uploads = Uploads()
    async with client(uploads) as browser:
        answer = await browser.post("images", params={"name": "cat.png"}, content=png(90, 60))
    told = answer.json()
    assert answer.status_code == 200
    assert (told["name"], told["image"]["width"], told["image"]["height"]) == ("cat.png", 90, 60)
    assert told["image"]["sha256"] == hashlib.sha256(png(90, 60)).hexdigest()
    assert told["image"]["thumbnail"].startswith("data:image/webp;base64,")
    assert uploads.files([told["id"]]) == (png(90, 60),)


@pytest.mark.parametrize("name", BAD_FILES)
async def test_a_bad_file_is_answered_with_its_name_and_not_kept(name: str) -> None:
    data, problem = BAD_FILES[name]
    async with client(Uploads()) as browser:
        answer = await browser.post("images", params={"name": name}, content=data)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(name)
    assert problem in answer.json()["detail"]


async def test_a_file_without_end_is_not_read_to_its_end() -> None:
    sent = 0

    async def endless() -> object:
        nonlocal sent
        while True:
            sent += 2**20
            yield bytes(2**20)

    async with client(Uploads()) as browser:
        answer = await browser.post("images", content=endless())  # type: ignore[arg-type]
    assert answer.status_code == 422
    assert "at most 20 are read" in answer.json()["detail"]
    assert sent <= MAX_IMAGE_BYTES + 2 * 2**20


async def test_the_oldest_are_forgotten_where_many_are_held() -> None:
    few = Uploads(max_held=2)
    ids = [(await few.add(png(side, 9), "a")).id for side in (10, 11, 12)]
    assert len(few.files(ids[1:])) == 2
    with pytest.raises(InputError, match="add it again"):
        few.files(ids[:1])
    small = Uploads(max_held_bytes=len(png()) + 10)
    first, second = [(await small.add(png(), "a")).id for _ in range(2)]
    assert small.files([second]) == (png(),)
    with pytest.raises(InputError):
        small.files([first])


async def test_ids_cannot_be_guessed() -> None:
    uploads = Uploads()
    ids = {(await uploads.add(png(), "a")).id for _ in range(20)}
    assert len(ids) == 20
    assert all(len(upload_id) >= 22 for upload_id in ids)
