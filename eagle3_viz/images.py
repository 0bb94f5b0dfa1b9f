"""From an image file to what an engine sees and a trace records. Decodes once; knows no engine.

The engine sees the picture as a person does: turned the way the camera says, transparency as white paper.
"""

import base64
import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass

import PIL.Image
from PIL import ImageOps, UnidentifiedImageError

from eagle3_viz import events
from eagle3_viz.config import MAX_IMAGE_PIXELS, THUMBNAIL_PIXELS, check_image_size
from eagle3_viz.errors import InputError

# What browsers show. Pillow reads more, with decoders that few people test.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "AVIF")
MAY_MOVE = ("PNG", "WEBP", "GIF", "AVIF")  # a camera's JPEG may hold a second picture, but does not move
WHITE = (255, 255, 255, 255)
HINT = f"give a {', '.join(FORMATS[:-1])} or {FORMATS[-1]} file"
TOO_MANY_PIXELS = f"has too many pixels: at most {MAX_IMAGE_PIXELS:,} are read. Make it smaller"


@dataclass(frozen=True)
class Picture:
    """A decoded image.

    Attributes:
        image: RGB, upright, on white.
        facts: what the trace says of it; how many tokens it takes is for the engine to say.
    """

    image: PIL.Image.Image
    facts: events.Image


def decode_all(files: Sequence[bytes]) -> list[Picture]:
    """The images of one prompt, in order.

    Raises:
        InputError: one cannot be used; the message says which.
    """
    names = ["the image"] if len(files) == 1 else [f"image {number}" for number in range(1, len(files) + 1)]
    return [decode(data, name) for data, name in zip(files, names, strict=True)]


def decode(data: bytes, name: str = "the image") -> Picture:
    """Decode a file. `name` is what the messages call it.

    Raises:
        InputError: it is no image, damaged, animated, or too large; the pixels of a huge one are never decoded.
    """
    check_image_size(len(data), name)
    try:
        with PIL.Image.open(io.BytesIO(data), formats=FORMATS) as opened:
            check_header(opened, name)
            image = on_white(ImageOps.exif_transpose(opened))
    except InputError:
        raise
    except UnidentifiedImageError as error:
        raise InputError(f"{name} cannot be read as an image, whatever its name says: {HINT}") from error
    except (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning) as error:
        raise InputError(f"{name} {TOO_MANY_PIXELS}") from error
    except Exception as error:  # decoders raise whatever they stumble over
        raise InputError(f"{name} is damaged or not complete ({error}): save it again, or send another") from error
    facts = events.Image(
        width=image.width, height=image.height, sha256=hashlib.sha256(data).hexdigest(), thumbnail=thumbnail(image)
    )
    return Picture(image, facts)


def check_header(image: PIL.Image.Image, name: str) -> None:
    """Check what is known before any pixel is decoded.

    Raises:
        InputError: too many pixels, or more than one frame.
    """
    if image.width * image.height > MAX_IMAGE_PIXELS:
        raise InputError(f"{name}, {image.width:,} x {image.height:,}, {TOO_MANY_PIXELS}")
    frames = getattr(image, "n_frames", 1)
    if frames > 1 and image.format in MAY_MOVE:
        raise InputError(
            f"{name} is an animation of {frames} frames: save the one that the model should see as a PNG, and send that"
        )


def on_white(image: PIL.Image.Image) -> PIL.Image.Image:
    """The image in RGB, what is transparent as white."""
    if image.mode.startswith("I;16"):  # Pillow would clip these greys instead of scaling them
        return image.point(lambda value: value * (1 / 257)).convert("L").convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    paper = PIL.Image.new("RGBA", layer.size, WHITE)
    paper.alpha_composite(layer)
    return paper.convert("RGB")


def thumbnail(image: PIL.Image.Image) -> str:
    """A small WebP of it as a data URL; no larger than the image itself."""
    small = image.copy()
    small.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
    file = io.BytesIO()
    small.save(file, "WEBP", quality=80)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
