"""A debugger for EAGLE-3 speculative decoding that people look at.

Sources make events, a `Trace` holds them, everything else explains them. What is imported here needs neither vLLM nor
torch; the source that drives vLLM is `eagle3_viz.sources.vllm_engine.VllmSource`.
"""

from eagle3_viz import events
from eagle3_viz.codec import TraceFileError
from eagle3_viz.errors import InputError
from eagle3_viz.events import Sampling
from eagle3_viz.sources.base import Request, Source, record
from eagle3_viz.sources.replay import ReplaySource
from eagle3_viz.sources.scripted import Script, ScriptedSource
from eagle3_viz.trace import Trace, TraceError

__version__ = "0.1.0"
__all__ = [
    "InputError",
    "ReplaySource",
    "Request",
    "Sampling",
    "Script",
    "ScriptedSource",
    "Source",
    "Trace",
    "TraceError",
    "TraceFileError",
    "__version__",
    "events",
    "load",
    "record",
]

load = Trace.load
