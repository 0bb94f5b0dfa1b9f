"""A recording, or several, as one HTML file that needs no server: data, scripts, styles and plotly.js inside it.

The scripts are the page's own, unchanged. Whatever a model wrote travels as data and becomes text in the browser; the
file's own policy forbids it every request and every script that it did not bring.
"""

import base64
import gzip
import html
import json
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from string import Template
from urllib.parse import quote

import msgspec

from eagle3_viz import web
from eagle3_viz.errors import InputError
from eagle3_viz.trace import Trace
from eagle3_viz.views import recordings

MAX_BYTES = 50 * 10**6
STYLES = ("lanes.css", "page.css", "player.css", "why.css", "compare.css", "report.css")
IMPORT = re.compile(r'(?<=from ")\./([a-z]+)\.js(?=")')


@dataclass(frozen=True)
class Titled:
    """A trace and what it is called; `requests` are the ids to show, all of them where it is empty."""

    title: str
    trace: Trace
    requests: Sequence[str] = ()

    def chosen(self) -> list[str]:
        """The ids to show.

        Raises:
            InputError: the trace has no such request.
        """
        if unknown := [name for name in self.requests if name not in self.trace.requests]:
            raise InputError(f"{self.title} has no request {unknown[0]}: it has {', '.join(self.trace.requests)}")
        return list(self.requests or self.trace.requests)


def report(traces: Sequence[Titled]) -> str:
    """The file's text.

    Raises:
        InputError: there is nothing to show, it is too much, or plotly is not installed.
    """
    blocks = [block("e3-plotly", web.plotly_gzipped(9))]
    indexes = [msgspec.to_builtins(_index(titled, number, blocks)) for number, titled in enumerate(traces)]
    if not any(entry["requests"] for entry in indexes):
        raise InputError("The recording holds no request: there is nothing to report.")
    if (size := sum(map(len, blocks))) > MAX_BYTES:
        raise InputError(f"The report would have {size / 1e6:.0f} MB: choose some requests with --request.")
    blocks.append(f'<script type="application/json" id="e3-index">{script_safe(json.dumps(indexes))}</script>')
    icon = base64.b64encode((web.folder() / "favicon.png").read_bytes()).decode()
    return Template(web.read("report.html")).substitute(
        nonce=secrets.token_urlsafe(16),
        title=html.escape(" · ".join(titled.title for titled in traces)),
        icon=f"data:image/png;base64,{icon}",
        styles="\n".join(map(web.read, STYLES)),
        imports=script_safe(json.dumps({"imports": modules("report")})),
        view=web.read("view.html"),
        version=version(),
        blocks="\n".join(blocks),
    )


def _index(titled: Titled, number: int, blocks: list[str]) -> dict[str, object]:
    """What is said of a recording, each request with the name of the block that holds it; adds those blocks."""
    fields: dict[str, object] = msgspec.to_builtins(recordings.index(titled.trace, titled.title))
    lines = {line["request_id"]: line for line in fields["requests"]}  # type: ignore[attr-defined]
    fields["requests"] = [
        {**lines[name], "block": f"e3-{number}-{place}"} for place, name in enumerate(titled.chosen())
    ]
    for place, name in enumerate(titled.chosen()):
        data = msgspec.json.encode(recordings.request(titled.trace, name))
        blocks.append(block(f"e3-{number}-{place}", gzip.compress(data, 9, mtime=0)))
    return fields


def block(name: str, packed: bytes) -> str:
    """Compressed bytes as an element that the browser leaves alone."""
    return f'<script type="application/gzip" id="{name}">{base64.b64encode(packed).decode()}</script>'


def script_safe(text: str) -> str:
    """JSON that cannot end the element it stands in."""
    return text.replace("<", "\\u003c")


def modules(entry: str) -> dict[str, str]:
    """A module and all that it imports, each as an address that is its own content; inside, they go by name."""
    found: dict[str, str] = {}
    waiting = [entry]
    while waiting:
        name = waiting.pop()
        if f"e3/{name}" not in found:
            text = web.read(f"{name}.js")
            waiting += IMPORT.findall(text)
            found[f"e3/{name}"] = data_address(IMPORT.sub(r"e3/\1", text))
    return found


def data_address(text: str) -> str:
    """A script as a data: URL."""
    return f"data:text/javascript;base64,{base64.b64encode(text.encode()).decode()}"


def version() -> str:
    """Of this package."""
    from eagle3_viz import __version__

    return __version__


def site_index(pages: Iterable[tuple[str, recordings.RecordingIndex]]) -> str:
    """A page that lists reports: their file names, and what each is about."""
    entries = "\n".join(
        f'<li><a href="{quote(name)}">{html.escape(entry.title)}</a>'
        f'<div class="r-totals">{html.escape(" · ".join(entry.totals))}</div>'
        f'<div class="r-facts">{html.escape(" · ".join(entry.facts))}</div></li>'
        for name, entry in pages
    )
    return Template(web.read("site.html")).substitute(
        styles="\n".join(map(web.read, ("lanes.css", "report.css"))), entries=entries
    )
