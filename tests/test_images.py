"""Image files: what the engine is given, what the trace says, and what is refused."""

import base64
import contextlib
import hashlib
import io
import time
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from eagle3_viz import config, images
from eagle3_viz.errors import InputError
from tests.picturing import BAD_FILES, BLUE, RED, WHITE, animated_gif, encoded, huge_png, png, two_halves

ORIENTATION = 0x0112


def near(pixel: object, color: tuple[int, int, int], by: int = 12) -> bool:
    assert isinstance(pixel, tuple)
    return all(abs(a - b) <= by for a, b in zip(pixel, color, strict=True))


def turned(orientation: int, kind: str) -> bytes:
    """The two halves with a camera's note on how to turn them."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return encoded(two_halves(), kind, exif=exif, **({"quality": 95} if kind == "JPEG" else {}))


def test_the_trace_says_size_identity_and_shows_a_small_picture() -> None:
    data = png(900, 600)
    facts = images.decode(data).facts
    assert (facts.width, facts.height, facts.num_tokens) == (900, 600, None)
    assert facts.sha256 == hashlib.sha256(data).hexdigest()
    assert facts.thumbnail is not None
    head, _, body = facts.thumbnail.partition(",")
    assert head == "data:image/webp;base64"
    small = Image.open(io.BytesIO(base64.b64decode(body)))
    assert (small.format, max(small.size)) == ("WEBP", config.THUMBNAIL_PIXELS)
    assert near(small.convert("RGB").getpixel((10, 10)), RED)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize(
    ("orientation", "size", "red_at"),
    [(1, (60, 40), (5, 20)), (3, (60, 40), (55, 20)), (6, (40, 60), (20, 5)), (8, (40, 60), (20, 55))],
)
def test_a_camera_s_turn_is_applied(
    kind: str, orientation: int, size: tuple[int, int], red_at: tuple[int, int]
) -> None:
    picture = images.decode(turned(orientation, kind))
    assert picture.image.size == size == (picture.facts.width, picture.facts.height)
    assert near(picture.image.getpixel(red_at), RED, by=40)


def layered(mode: str) -> bytes:
    """A file whose left half is transparent (hiding black), the right half blue."""
    image = Image.new("RGBA", (40, 20), (0, 0, 0, 0))
    image.paste((*BLUE, 255), (20, 0, 40, 20))
    if mode == "GIF":
        return encoded(image, "GIF")
    if mode == "LA":
        return encoded(image.convert("LA"))
    return encoded(image.quantize() if mode == "P" else image)


@pytest.mark.parametrize("mode", ["RGBA", "P", "LA", "GIF"])
def test_transparency_becomes_white(mode: str) -> None:
    image = images.decode(layered(mode)).image
    assert image.mode == "RGB"
    assert image.getpixel((5, 10)) == WHITE
    if mode != "LA":
        assert near(image.getpixel((30, 10)), BLUE)


def test_half_transparent_is_half_white() -> None:
    image = images.decode(encoded(Image.new("RGBA", (4, 4), (0, 0, 0, 128)))).image
    assert near(image.getpixel((1, 1)), (127, 127, 127), by=1)


def test_a_transparent_colour_of_a_palette_free_png_becomes_white() -> None:
    assert images.decode(encoded(two_halves(), transparency=RED)).image.getpixel((5, 5)) == WHITE


def test_cmyk_keeps_its_colours() -> None:
    image = images.decode(encoded(two_halves().convert("CMYK"), "JPEG", quality=95)).image
    assert near(image.getpixel((5, 20)), RED, by=40)
    assert near(image.getpixel((55, 20)), BLUE, by=40)


@pytest.mark.parametrize("value", [0, 1000, 32768, 65535])
def test_sixteen_bit_grey_is_scaled(value: int) -> None:
    data = encoded(Image.new("I;16", (3, 3), value))
    assert near(images.decode(data).image.getpixel((1, 1)), (value // 257,) * 3, by=1)


@pytest.mark.parametrize("mode", ["1", "L", "P"])
def test_other_modes_become_rgb(mode: str) -> None:
    assert images.decode(encoded(Image.new(mode, (5, 4)))).image.mode == "RGB"


@pytest.mark.parametrize("size", [(1, 1), (3000, 1), (1, 3000)])
def test_the_smallest_and_narrowest_pass(size: tuple[int, int]) -> None:
    assert images.decode(png(*size)).image.size == size


@pytest.mark.parametrize(("data", "problem"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_one_clear_message(data: bytes, problem: str) -> None:
    with pytest.raises(InputError, match=problem) as caught:
        images.decode(data, "my file")
    assert str(caught.value).startswith("my file")
    assert "\n" not in str(caught.value)


def test_a_huge_image_is_refused_before_it_is_decoded() -> None:
    data = huge_png()
    tracemalloc.start()
    began = time.monotonic()
    with pytest.raises(InputError):
        images.decode(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5_000_000
    assert time.monotonic() - began < 1


def test_an_image_below_pillow_s_limit_is_refused_by_ours() -> None:
    with pytest.raises(InputError, match="8,000 x 8,000"):
        images.decode(huge_png(8_000))


def test_a_large_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config, "MAX_IMAGE_BYTES", 2**20)
    with pytest.raises(InputError, match="has 2 MiB: at most 1 are read"):
        images.decode(png() + bytes(2**21))


def test_a_gif_that_does_not_move_passes() -> None:
    assert images.decode(animated_gif(frames=1)).image.size == (20, 20)


def test_a_camera_s_second_picture_is_no_animation() -> None:
    data = encoded(two_halves(), "MPO", save_all=True, append_images=[two_halves()])
    assert images.decode(data).image.size == (60, 40)


def test_the_images_of_a_prompt_are_numbered_in_messages() -> None:
    assert [picture.image.size for picture in images.decode_all([png(), png(9, 9)])] == [(60, 40), (9, 9)]
    with pytest.raises(InputError, match="image 2 is empty"):
        images.decode_all([png(), b""])


@settings(deadline=None)
@given(data=st.binary(max_size=200), cut=st.integers(0, 200), at=st.integers(0, 150))
def test_any_bytes_are_an_image_or_an_input_error(data: bytes, cut: int, at: int) -> None:
    whole = png()
    for broken in (data, whole[:cut], whole[:at] + data[:4] + whole[at + 4 :]):
        with contextlib.suppress(InputError):
            assert images.decode(broken).image.mode == "RGB"
