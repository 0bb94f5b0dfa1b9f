"""Write the expected results anew."""

import asyncio

from eagle3_viz import load
from tests.golden import NAMES, scripted, shown, shown_path, stats, stats_path, trace_path

asyncio.run(scripted()).save(trace_path("scripted"))
for name in NAMES:
    stats_path(name).write_text(stats(load(trace_path(name))), encoding="utf-8")
    shown_path(name).write_text(shown(load(trace_path(name))), encoding="utf-8")
