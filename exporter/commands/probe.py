"""One printer, polled now and shown to a person."""

from collections.abc import Iterable
from dataclasses import replace

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from exporter.config import EngineName, Polling, Printer, UserCredentials
from exporter.printers.model import Failure, Level, Poll, Snapshot, Supply
from exporter.printers.poll import poller_for
from exporter.printers.status import Severity, supply_statuses, witness_status
from exporter.snmp.client import as_v1
from exporter.snmp.engines import Engines

HINTS = {
    "timeout": "It is off, asleep or elsewhere, SNMP is disabled on it, a filter drops the packets, or the community "
    "(v3: the privacy password) is wrong: a printer answers none of these.",
    "refused": "The host is there, but nothing listens on this port: enable SNMP on the printer, or check the port.",
    "resolve": "Check the spelling, and that this machine's name server knows the printer.",
    "auth": "The printer knows SNMPv3 but rejects the user, the keys or the security level.",
    "protocol": "Something answers that does not speak SNMP as a printer does.",
    "deadline": "It answers too slowly; see polling.poll_limit.",
    "internal": "The exporter failed, not the printer; its log tells where. Please report it.",
}
_STYLES = {Severity.OK: "green", Severity.WARNING: "yellow", Severity.ERROR: "red", None: "dim"}
_BAR_WIDTH = 10
_SAYS = {
    Level.SOME: "some left",
    Level.UNRESTRICTED: "no limit",
    Level.EMPTY: "empty",
    Level.UNKNOWN: "unknown",
    Level.IMPLAUSIBLE: "implausible",
}


async def ask(printer: Printer, engine: EngineName, polling: Polling) -> tuple[Poll, str]:
    """Poll a printer once, and where it fails ask in other ways; return the poll and a hint for a person."""
    poll = await _poll(printer, engine, polling)
    if not isinstance(poll.result, Failure):
        return poll, ""
    reason, credentials = poll.result.reason, printer.credentials
    if reason == "timeout" and credentials.version == "2c":
        second = await _poll(replace(printer, credentials=as_v1(credentials)), engine, polling)
        if not _fails(second):
            return second, "It answers SNMPv1 only; the exporter finds that out by itself."
    if isinstance(credentials, UserCredentials):
        return await _ask_v3(printer, credentials, poll, engine, polling)
    return poll, HINTS.get(reason, "")


async def _ask_v3(
    printer: Printer, credentials: UserCredentials, poll: Poll, engine: EngineName, polling: Polling
) -> tuple[Poll, str]:
    """Find out which part of SNMPv3 credentials is wrong: agents meet a wrong privacy password with silence."""
    if _fails(poll) == "auth":  # the portable engine tells more of it than the fast one
        detailed = await _poll(printer, "pysnmp", polling)
        return (detailed if _fails(detailed) == "auth" else poll), HINTS["auth"]
    if _fails(poll) == "timeout" and credentials.priv:
        bare = credentials.model_copy(update={"priv": None})
        if _fails(await _poll(replace(printer, credentials=bare), engine, polling)) != "timeout":
            return poll, "It answers this user without privacy: the privacy password or protocol is wrong."
    return poll, HINTS.get(_fails(poll), "")


async def _poll(printer: Printer, engine: EngineName, polling: Polling) -> Poll:
    engines = Engines(engine)
    poller = poller_for(printer, engines.open, polling)
    try:
        return await poller.poll(limit=polling.poll_limit)
    finally:
        poller.close()
        engines.close()


def _fails(poll: Poll) -> str:
    return poll.result.reason if isinstance(poll.result, Failure) else ""


def show(console: Console, name: str, poll: Poll, hint: str) -> bool:
    """Print what a poll found, and the hint; return whether it was answered."""
    if isinstance(poll.result, Failure):
        console.print(Text(f"{name}: {poll.result.reason}: {poll.result.detail}", style="red"))
    else:
        console.print(Group(*_sections(name, poll, poll.result)))
    if hint:
        console.print(Text(hint))
    return not isinstance(poll.result, Failure)


def _sections(name: str, poll: Poll, snapshot: Snapshot) -> Iterable[RenderableType]:
    statuses = supply_statuses(snapshot)
    yield _identity(name, poll, snapshot, witness_status(snapshot, statuses))
    if snapshot.supplies:
        yield _supplies(snapshot.supplies, statuses)
    if snapshot.trays:
        yield _trays(snapshot)
    if snapshot.covers or snapshot.bins:
        yield _covers_and_bins(snapshot)
    if snapshot.alerts:
        yield _alerts(snapshot)


def _identity(name: str, poll: Poll, snapshot: Snapshot, status: Severity) -> Table:
    table = Table(title=Text(name, style="bold"), title_justify="left", show_header=False, box=None)
    identity = snapshot.identity
    errors = "not offered" if snapshot.errors is None else ", ".join(sorted(snapshot.errors)) or "none"
    rows = {
        "Status": Text(status.name.lower(), style=_STYLES[status]),
        "Model": Text(f"{identity.vendor} / {identity.model}"),
        "Serial": Text(identity.serial or "-"),
        "Firmware": Text(identity.firmware or "-"),
        "Host": Text(f"{identity.hostname or '-'} at {poll.address}"),
        "State": Text(snapshot.state or "-"),
        "Pages": Text(f"{snapshot.pages} {snapshot.pages_unit}" if snapshot.pages is not None else "-"),
        "Up for": Text(f"{snapshot.uptime / 86400:.1f} days" if snapshot.uptime is not None else "-"),
        "Error bits": Text(errors),
        "Poll": Text(f"SNMP v{poll.version}, {poll.requests} requests, {poll.duration * 1000:.0f} ms"),
    }
    for key, value in rows.items():
        table.add_row(key, value)
    return table


def _supplies(supplies: Iterable[Supply], statuses: dict[str, Severity | None]) -> Table:
    table = _table("Supplies", "Supply", "Level", "", "Raw", "Part", "Description")
    for supply in supplies:
        row = supply.row
        style = _STYLES[statuses[row.supply]]
        level = f"{supply.ratio:.0%}" if supply.ratio is not None else _SAYS[supply.says]
        bar = "█" * round((supply.ratio or 0) * _BAR_WIDTH)
        raw = f"{_number(supply.level)} of {_number(supply.capacity)} {row.unit}".strip()
        words = map(Text, (raw, row.part, row.description))
        table.add_row(Text(row.supply), Text(level, style), Text(bar, style), *words)
    return table


def _trays(snapshot: Snapshot) -> Table:
    table = _table("Trays", "Tray", "Kind", "Media", "Level", "Capacity")
    for tray in snapshot.trays:
        level = f"{tray.ratio:.0%}" if tray.ratio is not None else _number(tray.level)
        table.add_row(*map(Text, (tray.row.tray, tray.row.kind, tray.media, level, _number(tray.row.capacity))))
    return table


def _covers_and_bins(snapshot: Snapshot) -> Table:
    table = _table("Covers and output bins", "Part", "Now")
    for cover, is_open in snapshot.covers:
        table.add_row(Text(cover), Text("open", "red") if is_open else Text("closed"))
    for bin_ in snapshot.bins:
        table.add_row(Text(bin_.bin), Text(f"{bin_.ratio:.0%} free"))
    return table


def _alerts(snapshot: Snapshot) -> Table:
    table = _table("The printer's own alerts", "Level", "Code", "Group", "For whom", "Description")
    for alert in snapshot.alerts:
        table.add_row(*map(Text, (alert.level, alert.code, alert.group, alert.training, alert.description)))
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=column in {"Supply", "Level", ""})
    return table


def _number(value: int | None) -> str:
    return "?" if value is None else str(value)
