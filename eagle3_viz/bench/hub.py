"""Records of a dataset on the Hugging Face hub, by the `datasets` library where that is installed."""

from collections.abc import Iterator
from typing import Any

from eagle3_viz.errors import InputError

SPLITS = ("test", "validation", "train")


def hub_records(name: str) -> Iterator[tuple[str, dict[str, Any], None]]:
    """The records of the smallest usual split, each as it is asked for.

    Raises:
        InputError: the library is missing, or the dataset cannot be had.
    """
    try:
        import datasets
    except ModuleNotFoundError as error:
        raise InputError(
            f"{name} is no file here, and a dataset of the Hugging Face hub needs a library: run `pip install datasets`"
        ) from error
    try:
        splits = datasets.load_dataset(name)
    except Exception as error:  # the library raises whatever the hub, the network or the files give it
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{name} is no file here and could not be had from the Hugging Face hub: {reason}") from error
    split = next((each for each in SPLITS if each in splits), next(iter(splits)))
    return ((f"{name}, {split} {number}", dict(record), None) for number, record in enumerate(splits[split], start=1))
