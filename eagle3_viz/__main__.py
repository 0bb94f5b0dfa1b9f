"""`python -m eagle3_viz VERB`: finds the verb, and turns errors that a user can mend into one line."""

import argparse
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from eagle3_viz.codec import TraceFileError
from eagle3_viz.errors import ENGINE, InputError, not_installed

VERBS = {
    "record": "generate from prompts and write a trace file",
    "bench": "measure acceptance and speed on a dataset",
    "compare": "compare two measurements of the same prompts",
    "show": "show a trace in the terminal",
    "stats": "the counts and rates of a trace",
    "report": "write traces as HTML that opens without a server",
    "export": "write the steps of a trace as CSV or Parquet",
    "doctor": "what is wrong with a verifier and its draft head",
    "inspect-head": "a head over the verifier's own text, at every position",
}
BAD_INPUT, FAILURE = 2, 1
EXIT_CODES = "exit codes: 0 fine, 2 bad input (one line on stderr), 1 anything else"


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, and how to get help."""

    def error(self, message: str) -> NoReturn:
        """Exit with the code for bad input."""
        self.exit(BAD_INPUT, f"{self.prog}: {message} (see {self.prog} --help)\n")


def module_of(verb: str) -> Any:
    """The module of a verb."""
    return importlib.import_module(f"eagle3_viz.cli.{verb.replace('-', '_')}")


def build_parser(verb: str | None) -> Parser:
    """The parser; only the module of `verb` is imported, for others may need what is not installed."""
    parser = Parser(prog="eagle3_viz", description="Look at EAGLE-3 speculative decoding.", epilog=EXIT_CODES)
    subparsers = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, summary in VERBS.items():
        if name == verb:
            module_of(name).add_parser(subparsers)
            subparsers.choices[name].epilog = subparsers.choices[name].epilog or EXIT_CODES
        else:
            subparsers.add_parser(name, help=summary)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a verb; returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal that cannot show a character gets its escape
    verb = next((argument for argument in arguments if argument in VERBS), None)
    args = build_parser(verb).parse_args(arguments)
    try:
        code: int = module_of(args.verb).run(args)
        sys.stdout.flush()
    except (InputError, TraceFileError) as error:
        print(f"eagle3_viz {args.verb}: {' '.join(str(error).split())}", file=sys.stderr)
        return BAD_INPUT
    except ModuleNotFoundError as error:
        if error.name not in ENGINE:
            raise
        print(f"eagle3_viz {args.verb}: {not_installed(error)}", file=sys.stderr)
        return BAD_INPUT
    except BrokenPipeError:  # the reader of the output has gone; nothing may try to flush to it again
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILURE
    except KeyboardInterrupt:
        return FAILURE
    return code


if __name__ == "__main__":
    sys.exit(main())
