"""What routes share: who may call them, reading a request's body, and handing messages to the page."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fastapi import HTTPException, Request

from eagle3_viz.errors import InputError


@contextmanager
def telling(status: int = 404) -> Iterator[None]:
    """Hands a message that a visitor can act on to the page."""
    try:
        yield
    except InputError as error:
        raise HTTPException(status, str(error)) from error


async def same_site(request: Request) -> None:
    """A dependency of routes: refuses changes that another site's page makes a visitor's browser send here."""
    if request.method not in ("GET", "HEAD") and request.headers.get("sec-fetch-site") == "cross-site":
        raise HTTPException(403, "Another site's page may not do this.")


async def read_body(request: Request, at_most: int, refusal: Callable[[int], str]) -> bytes:
    """A request's body. `refusal`: what is said of one that has more bytes than `at_most`, given how many it has.

    Raises:
        InputError: it is larger.
    """
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > at_most:
            raise InputError(refusal(max(len(data), int(request.headers.get("content-length", 0)))))
    return bytes(data)
