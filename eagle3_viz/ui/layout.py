"""The page: which component stands where, and which handler each event calls."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from typing import Any

import gradio as gr
import msgspec

from eagle3_viz import web
from eagle3_viz.config import MAX_IMAGE_BYTES, MAX_IMAGES
from eagle3_viz.ui.controls import CHAT, DEFAULT_MAX_TOKENS, RAW, Controls, launch
from eagle3_viz.ui.examples import EXAMPLES, Example
from eagle3_viz.ui.host import Host
from eagle3_viz.ui.models import Price
from eagle3_viz.ui.routes import PREFIX
from eagle3_viz.ui.runs import Runs
from eagle3_viz.ui.uploads import Uploads

TITLE = "eagle3_viz — watch EAGLE-3 speculative decoding"
SYSTEM_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Liberation Sans", "sans-serif")
MONO_FONTS = ("ui-monospace", "SFMono-Regular", "Menlo", "DejaVu Sans Mono", "monospace")
# Relative, so that the page also works below another path.
ROUTES = PREFIX.removeprefix("/")
STYLES = ("page", "lanes", "player", "why", "saved", "compare", "benchmark")
STOP = "() => { document.dispatchEvent(new Event('e3:stop')); }"


def theme() -> gr.themes.Base:
    """Gradio's plainest theme, small, with fonts that every machine has."""
    return gr.themes.Base(
        primary_hue="blue",
        neutral_hue="slate",
        spacing_size="sm",
        radius_size="sm",
        text_size="sm",
        font=SYSTEM_FONTS,
        font_mono=MONO_FONTS,
    )


def head() -> str:
    """What goes into the page's head."""
    return "".join(f'<link rel="stylesheet" href="{ROUTES}/assets/{name}.css">' for name in STYLES)


def on_load(function: str, script: str) -> str:
    """The script of a component whose work is done by `function` of our `script`.js."""
    options = (
        f'{{ routes: new URL("{ROUTES}/", document.baseURI).href, plotly: "{web.plotly_name()}",'
        f" limits: {{ images: {MAX_IMAGES}, bytes: {MAX_IMAGE_BYTES} }} }}"
    )
    module = f'new URL("{ROUTES}/assets/{script}.js", document.baseURI).href'
    return f"import({module}).then((page) => page.{function}(element, {{ props, watch, ...{options} }}));"


def part(name: str, function: str, script: str = "page", **more: Any) -> gr.HTML:
    """A part of the page that is ours: `name`.html, brought to life by `function` of `script`.js."""
    return gr.HTML(
        html_template=web.read(f"{name}.html"), js_on_load=on_load(function, script), apply_default_css=False, **more
    )


def build(host: Host, runs: Runs, uploads: Uploads, price: Price) -> gr.Blocks:
    """The page for this host, these runs and these uploads."""
    with gr.Blocks(title=TITLE, fill_width=True, analytics_enabled=False) as page:
        part("engine", "mountEngine")
        with gr.Tabs(elem_id="e3-tabs"):
            with gr.Tab("Generate"), gr.Row(elem_id="e3-controls"):
                with gr.Column(scale=5, min_width=300):
                    prompt = gr.Textbox(
                        label="Prompt (Ctrl or Cmd + Enter generates)",
                        placeholder="Ask the model something, or press an example below.",
                        lines=3,
                        max_lines=12,
                        elem_id="e3-prompt",
                    )
                    added = part("added", "mountAdded", value=[])
                    with gr.Row(elem_id="e3-examples"):
                        examples = [
                            gr.Button(it.label, size="sm", min_width=0, icon=it.path, interactive=False)
                            for it in EXAMPLES
                        ]
                with gr.Column(scale=3, min_width=300):
                    settings = build_settings()
                    with gr.Row():
                        generate = gr.Button(
                            "Generate", variant="primary", min_width=100, elem_id="e3-generate", interactive=False
                        )
                        stop = gr.Button("Stop", min_width=100, elem_id="e3-stop", interactive=False)
            with gr.Tab("Benchmark", render_children=True):  # it follows what runs also while it is not looked at
                part("benchmark", "mountBenchmark", "benchmark")
        view = build_view()

        async def start(*values: Any) -> dict[str, Any]:
            return asdict(launch(host, runs, uploads, price, Controls(*values)))

        # Not queued: a run is only started here, and its events travel by our own route.
        direct = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}
        generate.click(start, [prompt, added, *settings], view, **direct)
        stop.click(None, js=STOP)
        for example, button in zip(EXAMPLES, examples, strict=True):
            button.click(start_with(example, start, uploads), settings, [prompt, added, view], **direct)
    return page


def build_replay() -> gr.Blocks:
    """The page without an engine: recordings only."""
    with gr.Blocks(title=TITLE, fill_width=True, analytics_enabled=False) as page:
        gr.HTML(html_template=web.read("replay.html"), apply_default_css=False)
        build_view()
    return page


def build_view() -> gr.HTML:
    """The list of recordings, and the view of a run below it; returns the view."""
    part("saved", "mountSaved")
    return part("view", "mountView")


def build_settings() -> list[Any]:
    """The controls beside the prompt, in the order of `Controls`."""
    with gr.Row(elem_id="e3-settings"):
        mode = gr.Radio([CHAT, RAW], value=CHAT, label="Send as", scale=2, min_width=130)
        max_tokens = gr.Number(DEFAULT_MAX_TOKENS, label="Max tokens", min_width=90)
        temperature = gr.Number(0, label="Temperature", min_width=95)
        seed = gr.Textbox(label="Seed", placeholder="any", max_lines=1, min_width=60)  # a number box cannot be empty
    return [mode, max_tokens, temperature, seed]


def start_with(
    example: Example, start: Callable[..., Coroutine[Any, Any, dict[str, Any]]], uploads: Uploads
) -> Callable[..., Coroutine[Any, Any, tuple[str, list[Any], dict[str, Any]]]]:
    """A handler that puts an example and its image into the prompt and runs it."""

    async def handler(*settings: Any) -> tuple[str, list[Any], dict[str, Any]]:
        added = []
        if example.path:
            upload = await uploads.add(await asyncio.to_thread(example.path.read_bytes), example.path.name)
            added = [msgspec.to_builtins(upload)]
        return example.prompt, added, await start(example.prompt, added, *settings)

    return handler
