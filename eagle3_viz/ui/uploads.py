"""The images that visitors have added to a prompt, held as the files they are until a run asks for them."""

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from eagle3_viz import images
from eagle3_viz.errors import InputError
from eagle3_viz.events import Image

MAX_HELD_BYTES = 256 * 2**20
MAX_HELD = 512
DECODERS = 2  # images decoded at once: each may take several hundred MB


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """What the page is told of an image that it has sent.

    Attributes:
        id: unguessable; who has it may put the image into a prompt.
        name: of the file, for people.
    """

    id: str
    name: str
    image: Image


@dataclass(frozen=True)
class Held:
    """A file and what was said of it."""

    data: bytes
    upload: Upload


class Uploads:
    """The images of all visitors, the oldest forgotten first."""

    def __init__(self, max_held_bytes: int = MAX_HELD_BYTES, max_held: int = MAX_HELD) -> None:
        self._held: dict[str, Held] = {}
        self._max_held_bytes = max_held_bytes
        self._max_held = max_held
        self._decoders = asyncio.Semaphore(DECODERS)

    async def add(self, data: bytes, name: str) -> Upload:
        """Check an image and keep it.

        Raises:
            InputError: it cannot be used.
        """
        async with self._decoders:
            picture = await asyncio.to_thread(images.decode, data, name or "the image")
        upload = Upload(id=secrets.token_urlsafe(16), name=name, image=picture.facts)
        self._held[upload.id] = Held(data, upload)
        while len(self._held) > self._max_held or self._num_bytes() > self._max_held_bytes:
            del self._held[next(iter(self._held))]
        return upload

    def files(self, ids: Sequence[str]) -> tuple[bytes, ...]:
        """The files, in order.

        Raises:
            InputError: one is not held any more.
        """
        if not all(upload_id in self._held for upload_id in ids):
            raise InputError("An image of this prompt is not held here any more: remove it and add it again.")
        return tuple(self._held[upload_id].data for upload_id in ids)

    def _num_bytes(self) -> int:
        return sum(len(held.data) for held in self._held.values())
