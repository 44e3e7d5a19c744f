"""Garbage for the exporter's listen port, at a steady rate and for a bounded time; the last line says what was sent.

Every datagram is one that the exporter must count under exactly one reason, which the line tells by the codec's word.
"""

import argparse
import json
import random
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import cycle, islice

from exporter.cameras import easyip
from exporter.cameras.model import Device

# Different ones; they are sent over and over.
_POOL = 2000
_PAUSE = 0.001
_FOREIGN = b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: ssdp:discover\r\nST: ssdp:all\r\n\r\n"
# The device's MAC stays what it is: made-up cameras would change what a search costs from then on.
_MAC = range(6, 12)


def _pool(mac: str) -> list[bytes]:
    """Return the same garbage at each run: five kinds in turns."""
    choose = random.Random(0)  # noqa: S311 - no secret
    kinds = _kinds(choose, _answer(mac))
    return [next(kinds) for _ in range(_POOL)]


def _kinds(choose: random.Random, answer: bytes) -> Iterator[bytes]:
    while True:
        yield choose.randbytes(choose.randrange(easyip.MAX_SIZE))
        yield answer[: choose.randrange(len(answer))]
        yield _FOREIGN
        # Longer than one frame, so that they come in fragments; some are longer than what is read of them.
        yield answer + choose.randbytes(choose.randrange(easyip.MAX_SIZE, 3000))
        yield _mutated(choose, answer)


def _answer(mac: str) -> bytes:
    device = Device(mac, "10.9.16.1", "255.255.0.0", port=80, name="Garbage", model="SIM1000", serial="SIM00000")
    return easyip.encode(easyip.Datagram(easyip.Type.ANSWER, device_mac=mac, tags=easyip.tags(device)))


def _mutated(choose: random.Random, answer: bytes) -> bytes:
    """Change one octet, which makes the checksum wrong at least."""
    place = choose.choice([number for number in range(len(answer)) if number not in _MAC])
    changed = bytearray(answer)
    changed[place] ^= choose.randrange(1, 256)
    return bytes(changed)


def _reason(data: bytes) -> str:
    """Return what the exporter has to count this under."""
    try:
        easyip.device(easyip.parse(data))
    except easyip.EasyIpError as error:
        return error.reason
    return "checksum"


def _send(pool: Sequence[bytes], to: tuple[str, int], rate: int, seconds: float) -> int:
    """Send from the pool, round and round; return how many left."""
    datagrams, sent = cycle(pool), 0
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        began = time.monotonic()
        while (passed := time.monotonic() - began) < seconds:
            due = int(passed * rate) - sent
            for data in islice(datagrams, due):
                sender.sendto(data, to)
            sent += due
            time.sleep(_PAUSE)
    return sent


def main() -> None:
    """Send what the command line asks for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("address", help="where to, a broadcast address")
    parser.add_argument("mac", help="the camera that the mutated ones pretend to be")
    parser.add_argument("rate", type=int)
    parser.add_argument("seconds", type=float)
    options = parser.parse_args()
    pool = _pool(options.mac)
    reasons = [_reason(data) for data in pool]
    sent = _send(pool, (options.address, easyip.LISTEN_PORT), options.rate, options.seconds)
    print(json.dumps(Counter(islice(cycle(reasons), sent))))  # noqa: T201 - a command line prints


if __name__ == "__main__":
    main()
