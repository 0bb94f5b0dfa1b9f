"""The users of `benchmarks.users`, in a process of its own so that their CPU time is their own.

Each line of its input is JSON: a list of addresses of runs. It reads all of them at once to their ends, as browsers do,
and prints, as JSON, how many tokens a second came, how many came in all, the bytes, the CPU seconds that it took, and
what the page said where a run broke off.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence

import aiohttp
import msgspec

from benchmarks.probe_overhead import Meter

MAX_LINE_BYTES = 2**22
DATA, END = b"data: ", b"event: end"
Told = dict[str, float | list[str]]


class Seen(msgspec.Struct):
    """What a reader looks at of an event."""

    emitted: list[int] = []
    num_cut: int = 0


decoder = msgspec.json.Decoder(list[Seen])


class Reading:
    """What all users together got."""

    def __init__(self) -> None:
        self.meter = Meter()
        self.num_tokens = 0
        self.num_bytes = 0
        self.problems: list[str] = []

    def take(self, line: bytes) -> None:
        """Take a line of a stream."""
        self.num_bytes += len(line)
        if not line.startswith(DATA + b"["):
            return
        if tokens := sum(len(event.emitted) - event.num_cut for event in decoder.decode(line[len(DATA) :])):
            self.num_tokens += tokens
            self.meter.add(tokens)


async def read(session: aiohttp.ClientSession, address: str, reading: Reading) -> None:
    """Read one run to its end."""
    async with session.get(address) as response:
        response.raise_for_status()
        async for line in response.content:
            reading.take(line)
            if line.startswith(END):
                said = json.loads((await response.content.readline())[len(DATA) :])["problem"]
                reading.problems += [said] if said else []
                return


async def read_all(addresses: Sequence[str]) -> Told:
    """Read these runs at once; what came."""
    began, reading = time.process_time(), Reading()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, read_bufsize=MAX_LINE_BYTES) as session:
        await asyncio.gather(*(read(session, address, reading) for address in addresses))
    return {
        "tok_s": reading.meter.rate if reading.num_tokens else 0.0,
        "tokens": reading.num_tokens,
        "bytes": reading.num_bytes,
        "cpu_s": time.process_time() - began,
        "problems": reading.problems,
    }


if __name__ == "__main__":
    for addresses in sys.stdin:
        print(json.dumps(asyncio.run(read_all(json.loads(addresses)))), flush=True)
