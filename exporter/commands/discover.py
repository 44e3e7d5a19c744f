"""Printers looked for now, and told to a person or a script as entries that the inventory lacks."""

import argparse
import asyncio
import csv
import io
import json
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from exporter import config, configtypes
from exporter.commands import inventory, kept
from exporter.commands.arguments import community, typed
from exporter.commands.errors import CommandError, UsageError
from exporter.commands.files import exists
from exporter.commands.progress import Shown
from exporter.config import Config, Printer
from exporter.discovery import entries, networks
from exporter.discovery.entries import WriteError, as_yaml
from exporter.discovery.found import Announced, Found
from exporter.discovery.hunt import RATE, Hunt, HuntError, Plan, candidates, hunt, known
from exporter.discovery.proposals import Proposals, propose
from exporter.discovery.sweep import Terms
from exporter.state import State

T = TypeVar("T")

_NAMED = 20  # addresses that the summary names


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add what the command understands."""
    add = parser.add_argument
    add(
        "networks",
        nargs="*",
        type=typed(_network),
        metavar="NETWORK",
        help="ask its addresses over SNMP: 10.10.5.0/24, 10.10.5.20-40, 10.10.5.28, or IPv6 alike",
    )
    add("--mdns", action="store_true", help="listen for printers that announce themselves nearby, and ask them too")
    add("--write", action="store_true", help="add the printers to the config; what it was stays beside it")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print a JSON list in place of entries in YAML")
    form.add_argument("--csv", action="store_true", help="print CSV")
    add(
        "--snmp.community",
        dest="communities",
        action="append",
        type=typed(community),
        default=[],
        metavar="TEXT",
        help="in place of the config's credentials; may be repeated; other users of this machine can see it",
    )
    add("--port", type=typed(_port), default=161, help="UDP port to ask [161]")
    add("--timeout", type=typed(_timeout), default=1.0, metavar="DURATION", help="how long an answer may take [1s]")
    add("--rate", type=typed(_rate), default=RATE, metavar="NUMBER", help="most datagrams sent in a second [100]")


def _network(text: str) -> networks.Span:
    try:
        return networks.span(text)
    except ValueError as error:
        raise ValueError(f"{text}: {error}") from None


def _port(text: str) -> int:
    return int(_number(text, 65_535))


def _rate(text: str) -> float:
    return _number(text, 10_000)


def _number(text: str, most: int) -> float:
    if not (text.isascii() and text.isdecimal() and len(text) < 10 and 1 <= int(text) <= most):
        raise ValueError(f"{text}: expected a number from 1 to {most}")
    return float(text)


def _timeout(text: str) -> float:
    if not 0 < (found := configtypes.seconds(text)) <= 60:
        raise ValueError(f"{text}: must be between 1ms and 1m")
    return found


def run(options: argparse.Namespace, path: Path | None) -> int:
    """Look for printers, tell of them and write them down; return the exit code.

    `path` is that of the config, None where none is used. Raises UsageError, CommandError, ConfigError and StateError.
    """
    if not options.networks and not options.mdns:
        raise UsageError("say where to look: a network such as 10.10.5.0/24, or --mdns")
    loaded = config.load(path) if path else config.parse("printers: []")
    plan = _plan(options, loaded)
    try:
        if options.write and path:
            _check_write(plan, path)
        return asyncio.run(_run(options, loaded, plan, path))
    except (HuntError, WriteError) as error:
        raise CommandError(str(error)) from None


def _plan(options: argparse.Namespace, loaded: Config) -> Plan:
    try:
        addresses = networks.addresses(options.networks)
    except ValueError as error:
        raise UsageError(str(error)) from None
    return Plan(
        addresses=list(map(str, addresses)),
        candidates=candidates(loaded, options.communities),
        terms=Terms(options.port, options.timeout, loaded.polling.retries),
        rate=options.rate,
        listens=options.mdns,
        engine=loaded.engine,
    )


def _check_write(plan: Plan, path: Path) -> None:
    """Refuse at once what could not be written after minutes of asking."""
    if not all(candidate.name for candidate in plan.candidates):
        raise UsageError("--write needs communities that the config has: put them into snmp.credentials")
    entries.check(path)


async def _run(options: argparse.Namespace, loaded: Config, plan: Plan, path: Path | None) -> int:
    printers = await asyncio.to_thread(inventory.printers_of, loaded) if path else ()
    serials = await asyncio.to_thread(_known_serials, loaded, printers) if path else []
    listed, lost = await known(printers, serials)
    with Shown(Console(stderr=True)) as shown:
        found = await hunt(plan, shown)
    proposals = propose(found.answers, found.announced, loaded, listed)
    form = as_json if options.json else as_csv if options.csv else as_entries
    _say(form(proposals), summary(found, proposals, lost))
    if found.stopped:
        _say("", "stopped before the end" + ("; nothing is written" if options.write else ""))
        return 128 + found.stopped
    if options.write and path and proposals.fresh:
        backup = await asyncio.to_thread(entries.write, path, proposals.fresh)
        _say("", f"{path}: {len(proposals.fresh)} printers added, the old file is {backup}; a reload takes them over")
    return 0


def _say(output: str, remark: str) -> None:
    """Write the output where a script reads it, and then a remark where a person does."""
    sys.stdout.write(output)
    sys.stdout.flush()
    sys.stderr.write(f"{remark}\n")


def _known_serials(loaded: Config, printers: Sequence[Printer]) -> list[str]:
    """Return the serial numbers of listed printers as far as the state has them; raises StateError."""
    if not exists(loaded.state_path):
        return []
    names = {printer.name for printer in printers}
    with closing(State(loaded.state_path, read_only=True)) as state:
        return [serial for name, serial in kept.stored_serials(state, loaded.state_path).items() if name in names]


# ---- told


def record(found: Found) -> dict[str, object]:
    """Return what is known of a printer as plain values, None for what is not; `host` is with the port, as listed."""
    return {
        "name": found.name,
        "host": found.spelled,
        "device": found.device,
        "location": found.location or None,
        "credentials": found.credentials or None,
        "model": found.model or None,
        "serial": found.serial or None,
        "remark": found.remark or None,
        "snmp": True,
    }


def _silent_record(announced: Announced) -> dict[str, object]:
    remark = f'says it is in "{announced.location}"' if announced.location else ""
    found = Found(announced.name, announced.address, model=announced.model, remark=remark)
    return record(found) | {"snmp": False}


def _records(proposals: Proposals) -> list[dict[str, object]]:
    return [*map(record, proposals.fresh), *map(_silent_record, proposals.silent)]


def as_json(proposals: Proposals) -> str:
    """Return the printers as a JSON list; `snmp` is false for those that only announce themselves."""
    return json.dumps(_records(proposals), indent=2, ensure_ascii=False) + "\n"


def as_csv(proposals: Proposals) -> str:
    """Return the printers as CSV with a line of headings, with the same columns."""
    text = io.StringIO()
    writer = csv.DictWriter(text, list(record(Found("", ""))), lineterminator="\n")
    writer.writeheader()
    writer.writerows(each | {"snmp": str(each["snmp"]).lower()} for each in _records(proposals))
    return text.getvalue()


def as_entries(proposals: Proposals) -> str:
    """Return the printers as entries in YAML, and those that only announce themselves as comments behind them."""
    silent = [f'# silent to SNMP: "{each.name}" at {each.address}, {each.model}' for each in proposals.silent]
    return as_yaml(proposals.fresh) + "".join(f"{line.removesuffix(', ')}\n" for line in silent)


def summary(result: Hunt, proposals: Proposals, lost: Sequence[str]) -> str:
    """Say in a few lines how the search went."""
    outcomes = Counter(answer.outcome for answer in result.answers)
    printers = sum(len(answer.printers) for answer in result.answers)
    of_all = f" of {result.addresses:,}" if result.stopped else ""
    others = f"{outcomes['other']} other devices, {outcomes['rejected']} that reject the credentials"
    heard = [f"{len(result.announced)} addresses announce a printer"] if result.listened else []
    lines = [
        *heard,
        f"asked {len(result.answers):,}{of_all} addresses in {result.seconds:.0f} s: {printers} printers, {others}",
        f"{proposals.listed} listed already, {proposals.doubled} at a further address, {len(proposals.fresh)} new",
    ]
    rejected = [answer.address for answer in result.answers if answer.outcome == "rejected"]
    lines += _naming("rejects the credentials", rejected) + _naming("listed, but has no address now", lost)
    return "\n".join(lines)


def _naming(what: str, names: Sequence[str]) -> list[str]:
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return [f"{what}: {', '.join(names[:_NAMED])}{more}"] if names else []
