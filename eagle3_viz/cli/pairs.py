"""The pair that a command line names: one that ships, or a head of the user's own."""

import argparse

from eagle3_viz import bundled
from eagle3_viz.config import named_verifier, read_config
from eagle3_viz.errors import InputError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that name a pair."""
    parser.add_argument("--model", choices=bundled.NAMES, default=bundled.NAMES[0], help="a pair that ships")
    parser.add_argument("--speculator", metavar="P", help="folder or Hugging Face id of a head of your own")
    parser.add_argument("--verifier", metavar="P", help="its verifier, if not the one that it names")


def named(args: argparse.Namespace) -> tuple[str, str | None]:
    """Where the head and its verifier are; None for the verifier that the head names.

    Raises:
        InputError: a part of a pair that ships is missing, or there is only a verifier.
    """
    if args.speculator:
        return args.speculator, args.verifier
    if args.verifier:
        raise InputError("--verifier goes with --speculator: give the head too")
    try:
        pair = bundled.get(args.model)
    except FileNotFoundError as error:
        raise InputError(str(error)) from error
    return str(pair.speculator), str(pair.verifier)


def verifier_of(speculator: str, named: str | None) -> str:
    """The verifier to load.

    Raises:
        InputError: neither the user nor the head names one.
    """
    found = named or named_verifier(read_config(speculator, "speculator"))
    if not found:
        raise InputError(f"{speculator} does not name its verifier: give it with --verifier")
    return str(found)
