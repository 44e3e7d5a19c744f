"""The simulated printers in a process of their own that says, for each line it reads, how much it has answered."""

import argparse
import asyncio
import sys

from exporter.simulator.fleet import PROFILES, Fleet


async def _serve(fleet: Fleet) -> None:
    """Say that all sockets are bound, then answer until standard input ends."""
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async with fleet:
        _say("ready")
        while await lines.readline():
            _say(str(fleet.requests))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> None:
    """Serve the fleet of the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int)
    parser.add_argument("base")
    parser.add_argument("port", type=int)
    parser.add_argument("profile", choices=PROFILES)
    parser.add_argument("dead", type=float)
    parser.add_argument("printing", type=float)
    asyncio.run(_serve(Fleet(**vars(parser.parse_args()))))


if __name__ == "__main__":
    main()
