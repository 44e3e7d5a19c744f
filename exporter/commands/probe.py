"""One printer, polled now: shown and explained to a person, or recorded for those who cannot reach it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from pathlib import Path

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from exporter.config import Credentials, EngineName, Polling, Printer, UserCredentials
from exporter.ipp.codec import Attributes
from exporter.printers.anonymise import anonymise
from exporter.printers.explain import explain
from exporter.printers.ipp.objects import firmware, objects
from exporter.printers.ipp.poll import IppPoller
from exporter.printers.model import Failure, Level, Poll, Snapshot, Supply
from exporter.printers.poll import poller_for
from exporter.printers.recorder import Heard, as_snmprec, walk_all
from exporter.printers.status import Severity, supply_statuses, witness_status
from exporter.printers.text import clean
from exporter.snmp.client import Client, as_v1, in_context
from exporter.snmp.engines import Engines
from exporter.snmp.session import Value
from exporter.text import tidy

RECORD_SECONDS = 180.0
"""How long a printer is walked for a recording."""

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
IPP_HINTS = HINTS | {
    "timeout": "It is off, asleep or elsewhere, a filter drops the packets, or it takes longer than polling.timeout.",
    "refused": "The host is there, but nothing listens on this port: enable IPP on the printer, or check the port.",
    "auth": "The exporter sends no password over IPP: let the printer tell its state to everybody, or use SNMP.",
    "protocol": "Something answers that does not speak IPP as a printer does. Try the other of ipp and ipps, or the "
    "path that the printer's own pages tell (ipp_path).",
}
_STYLES = {Severity.OK: "green", Severity.WARNING: "yellow", Severity.ERROR: "red", None: "dim"}
_BAR_WIDTH = 10
_MOST_FIELDS = 20  # of an octetString over IPP that are shown
_PROTOCOLS = {"ipp": "IPP", "ipps": "IPP over TLS"}
_SAYS = {
    Level.SOME: "some left",
    Level.UNRESTRICTED: "no limit",
    Level.LOW: "nearly empty",
    Level.EMPTY: "empty",
    Level.UNKNOWN: "unknown",
    Level.IMPLAUSIBLE: "implausible",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of asking: the entry as the printer answers it, the poll, every value heard, a hint for a person."""

    printer: Printer
    poll: Poll
    values: Mapping[str, Value]
    hint: str = ""
    attributes: Attributes = field(default_factory=dict)
    """Where it was asked over IPP, what it said; `values` are the objects that this stands for."""

    @property
    def fails(self) -> str:
        """Why the poll failed, "" when it was answered."""
        return self.poll.result.reason if isinstance(self.poll.result, Failure) else ""


@dataclass(frozen=True, slots=True)
class Recording:
    """An anonymised `snmprec`, how many rows it has, how many were dropped, and in words what is missing."""

    text: str
    rows: int
    dropped: int
    cut: tuple[str, ...]


async def ask(printer: Printer, engine: EngineName, polling: Polling) -> Answer:
    """Poll a printer once, and where it fails over SNMP ask in other ways."""
    if printer.protocol != "snmp":
        return await _poll_ipp(printer, polling)
    answer = await _poll(printer, engine, polling)
    credentials = printer.credentials
    if answer.fails == "timeout" and credentials.version == "2c":
        second = await _poll(replace(printer, credentials=as_v1(credentials)), engine, polling)
        if not second.fails:
            return replace(second, hint="It answers SNMPv1 only; the exporter finds that out by itself.")
    if answer.fails and isinstance(credentials, UserCredentials):
        return await _ask_v3(answer, credentials, engine, polling)
    return replace(answer, hint=HINTS.get(answer.fails, ""))


async def _ask_v3(answer: Answer, credentials: UserCredentials, engine: EngineName, polling: Polling) -> Answer:
    """Find out which part of SNMPv3 credentials is wrong: agents meet a wrong privacy password with silence."""
    if answer.fails == "auth":  # the portable engine tells more of it than the fast one
        detailed = await _poll(answer.printer, "pysnmp", polling)
        return replace(detailed if detailed.fails == "auth" else answer, hint=HINTS["auth"])
    if answer.fails == "timeout" and credentials.priv:
        bare = replace(answer.printer, credentials=credentials.model_copy(update={"priv": None}))
        if (await _poll(bare, engine, polling)).fails != "timeout":
            hint = "It answers this user without privacy: the privacy password or protocol is wrong."
            return replace(answer, hint=hint)
    return replace(answer, hint=HINTS.get(answer.fails, ""))


async def _poll(printer: Printer, engine: EngineName, polling: Polling) -> Answer:
    engines = Engines(engine)
    heard = Heard(engines.open)
    poller = poller_for(printer, heard.open, polling)
    try:
        return Answer(printer, await poller.poll(limit=polling.poll_limit), heard.values)
    finally:
        poller.close()
        engines.close()


async def _poll_ipp(printer: Printer, polling: Polling) -> Answer:
    poller = IppPoller(printer, polling)
    poll = await poller.poll(limit=polling.poll_limit)
    answer = Answer(printer, poll, objects(poller.attributes), attributes=poller.attributes)
    return replace(answer, hint=IPP_HINTS.get(answer.fails, ""))


async def record(answer: Answer, engine: EngineName, polling: Polling, tell: Callable[[int], None]) -> Recording:
    """Walk a printer that answered; `tell` is called with the number of rows so far. Raises SnmpError."""
    printer, engines = answer.printer, Engines(engine)
    heard = Heard(engines.open, answer.values)
    client = Client(
        heard.open,
        printer.host,
        printer.port,
        in_context(printer.credentials, answer.poll.context),
        timeout=polling.timeout,
        retries=polling.retries,
        accept_other_address=printer.accept_other_address,
    )
    try:
        walked = await walk_all(client, heard, tell, limit=RECORD_SECONDS)
    finally:
        engines.close()
    known = (printer.name, printer.host, answer.poll.address, *walked.addresses, *_secrets(printer.credentials))
    anonymised = anonymise(walked.rows, filter(None, known))
    return Recording(as_snmprec(anonymised.rows), len(anonymised.rows), anonymised.dropped, walked.cut)


def _secrets(credentials: Credentials) -> tuple[str, ...]:
    if isinstance(credentials, UserCredentials):
        return credentials.user, credentials.context
    return (credentials.community.get_secret_value(),)


def summary(file: Path, recording: Recording) -> str:
    """Say what was recorded and what was not, and what to do before it is sent."""
    lines = [f"{file}: {recording.rows} rows, {len(recording.text)} octets"]
    lines += [f"  left out: {cut}" for cut in recording.cut]
    if recording.dropped:
        lines.append(f"  left out: {recording.dropped} rows indexed by names or addresses")
    lines.append(
        "Serial numbers, names, places, addresses and what looks like them are masked. A program cannot know them all: "
        "look at the file before you send it."
    )
    return "\n".join(lines)


def show(console: Console, answer: Answer) -> bool:
    """Print what a poll found, and the hint; return whether it was answered."""
    name, poll = answer.printer.name, answer.poll
    if isinstance(poll.result, Failure):
        console.print(Text(f"{name}: {poll.result.reason}: {poll.result.detail}", style="red"))
    else:
        console.print(Group(*_sections(name, poll, poll.result)))
    if answer.hint:
        console.print(Text(answer.hint))
    return not answer.fails


def explain_to(console: Console, answer: Answer) -> None:
    """Print where every value comes from: what it is and by which rule, and below it each object and what it said.

    Before that, what was said over IPP.
    """
    printer = answer.printer
    if answer.attributes:
        _attributes_to(console, answer.attributes)
    facts = explain(answer.values, printer.supplies, printer.thresholds, printer.device)
    if answer.attributes:
        told = partial(replace, shown=firmware(answer.attributes), rule="printer-firmware-string-version")
        facts = tuple(told(fact) if fact.what == "firmware" else fact for fact in facts)
    for of, group in groupby(facts, key=lambda fact: fact.of):
        console.print(Text(f"\n{of}", style="bold"))
        for fact in group:
            console.print(Text(f"  {fact.what}: {fact.shown or '-'}  ({fact.rule})"), soft_wrap=True)
            for source in fact.sources:
                console.print(Text(f"    {source.name} = {source.raw}  [{source.oid}]", style="dim"), soft_wrap=True)


def _attributes_to(console: Console, attributes: Attributes) -> None:
    console.print(Text("\nWhat the printer says over IPP", style="bold"))
    for name, values in sorted(attributes.items()):
        for value in values:
            shown = str(value) if isinstance(value, int) else ";".join(map(clean, value.split(b";")[:_MOST_FIELDS]))
            console.print(Text(f"  {tidy(name)} = {shown}"), soft_wrap=True)
    console.print(Text("\nIt is read as what an SNMP agent would answer, with the objects of the Printer-MIB:"))


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
    context = f" in context {poll.context}" if poll.context else ""
    protocol = _PROTOCOLS.get(poll.version, f"SNMP v{poll.version}")
    rows = {
        "Status": Text(status.name.lower(), style=_STYLES[status]),
        "Model": Text(f"{identity.vendor} / {identity.model}"),
        "Serial": Text(identity.serial or "-"),
        "Firmware": Text(identity.firmware or "-"),
        "Host": Text(f"{identity.hostname or '-'} at {poll.address}"),
        "State": Text(snapshot.state or "-"),
        "Pages": Text(f"{snapshot.pages} {snapshot.pages_unit}" if snapshot.pages is not None else "-"),
        "Up for": Text(f"{poll.uptime / 86400:.1f} days" if poll.uptime is not None else "-"),
        "Error bits": Text(errors),
        "Poll": Text(f"{protocol}{context}, {poll.requests} requests, {poll.duration * 1000:.0f} ms"),
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
