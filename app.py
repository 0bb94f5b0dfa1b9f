"""The browser demo: open a source, build the page, serve it. `python app.py --help` lists the options."""

import argparse
import asyncio
import os
import sys
from functools import partial
from pathlib import Path

from fastapi import FastAPI

from eagle3_viz import bundled
from eagle3_viz.doctor.checkup import of_bundled, of_files
from eagle3_viz.errors import InputError
from eagle3_viz.runs_folder import RunsFolder
from eagle3_viz.sources.opening import add_engine_arguments, open_engine
from eagle3_viz.ui.host import Host
from eagle3_viz.ui.library import Library
from eagle3_viz.ui.models import Model
from eagle3_viz.ui.openers import scripted_models
from eagle3_viz.ui.owner import Owner
from eagle3_viz.ui.server import build_app, build_replay_app, build_server


def parse_arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description="Watch EAGLE-3 speculative decoding in a browser.")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--model", choices=bundled.NAMES, default=bundled.NAMES[0], help="a pair that ships")
    what.add_argument("--speculator", metavar="PATH_OR_ID", help="an EAGLE-3 head of your own")
    what.add_argument("--fake", action="store_true", help="made-up tokens, no engine: for looking at the page")
    parser.add_argument("--verifier", metavar="PATH_OR_ID", help="its verifier, if not the one that the head names")
    parser.add_argument("--num-speculative-tokens", metavar="K", type=int, help="tokens proposed in each step")
    add_engine_arguments(parser)
    what.add_argument("--open", metavar="FILE_OR_DIR", help="recordings to look at, without an engine")
    parser.add_argument("--runs", metavar="DIR", help="where runs are saved; none: nowhere (default: the user's data)")
    # Where a Space tells its app to listen, Gradio's own variables say.
    address, port = os.environ.get("GRADIO_SERVER_NAME", "127.0.0.1"), os.environ.get("GRADIO_SERVER_PORT", "7860")
    parser.add_argument("--host", default=address, help="address to listen on (0.0.0.0: every one)")
    parser.add_argument("--port", type=int, default=port)
    arguments = parser.parse_args()
    if arguments.verifier and not arguments.speculator:
        parser.error("--verifier goes with --speculator")
    return arguments


def choose_models(arguments: argparse.Namespace) -> list[Model]:
    """What the page can load; what the command line asks for comes first."""
    k = arguments.num_speculative_tokens
    if arguments.fake:
        return scripted_models(k)
    own_args = {"num_speculative_tokens": k, "engine_args": arguments.engine_args}
    shipped_args = {"num_speculative_tokens": k} if arguments.speculator else own_args
    shipped = [
        Model(
            name,
            partial(open_engine, model=name, **shipped_args),
            pair.sees_images,
            partial(of_bundled, name),
        )
        for name, pair in sorted(bundled.SHIPPED.items(), key=lambda item: item[0] != arguments.model)
    ]
    if not arguments.speculator:
        return shipped
    own = partial(open_engine, speculator=arguments.speculator, verifier=arguments.verifier, **own_args)
    checkup = partial(of_files, arguments.speculator, arguments.verifier)
    return [Model(arguments.speculator, own, checkup=checkup), *shipped]


def build(arguments: argparse.Namespace) -> FastAPI:
    """The application that the command line and the owner's settings ask for.

    Raises:
        InputError: a setting is wrong, or what is to be opened does not exist.
    """
    owner = Owner.of(os.environ, arguments.runs)
    recordings = arguments.open or owner.open
    if not recordings:
        return build_app(Host(choose_models(arguments)), owner.runs_of_visitors(), Library(owner.folder()))
    if not Path(recordings).exists():
        raise InputError(f"{recordings} does not exist: name a trace, or a folder of traces")
    return build_replay_app(Library(RunsFolder(Path(recordings), writable=False)))


async def serve(app: FastAPI, address: str, port: int) -> None:
    """Serve the page until the process is told to stop."""
    print(f"eagle3_viz: http://{address}:{port}", flush=True)
    await build_server(app, address, port).serve()


def main() -> None:
    """Run the demo."""
    arguments = parse_arguments()
    try:
        app = build(arguments)
    except InputError as error:
        sys.exit(f"app.py: {error}")
    asyncio.run(serve(app, arguments.host, arguments.port))


if __name__ == "__main__":
    main()
