"""`report`: what was printed, and what to buy, asked of a Prometheus and shown to a person or a script."""

import argparse
import asyncio
import os
import re
import sys
import time
from contextlib import closing
from datetime import date, datetime, tzinfo
from typing import TypeVar

from rich.console import Console
from rich.text import Text

from exporter import configtypes
from exporter.commands import inventory
from exporter.commands.arguments import typed
from exporter.commands.errors import CommandError, UsageError
from exporter.commands.files import exists
from exporter.config import Config, Prometheus, system_zone
from exporter.reports import periods
from exporter.reports.order import order_report
from exporter.reports.output import FORMATS, Report, as_csv, as_json, as_table
from exporter.reports.printed import Months, ReportError, pages_report
from exporter.reports.prometheus import Client, PrometheusError
from exporter.reports.remembered import remembered
from exporter.reports.usage import usage_report
from exporter.state import MEMORY, State

T = TypeVar("T")

NOBODY_TO_ASK = "nobody to ask: give --prometheus.url, or a section prometheus: with a url in the config"
_GROUPS = ("printer", "location")
_COLUMNS = {"pages", "from_state", "from", "to", "time_zone"}


def add_options(parser: argparse.ArgumentParser, shared: argparse.ArgumentParser) -> None:
    """Add the reports and what they take; `shared` has the options of all commands."""
    reports = parser.add_subparsers(title="reports", metavar="REPORT", dest="report", required=True)
    for name, text, add in (
        ("pages", "pages by printer, location or a label of yours, in a month or between two days", _pages_options),
        ("usage", "pages of one printer in the last six months and this one, and how they changed", _usage_options),
        ("order", "supplies to buy by location: low now, or empty soon by the recorded forecast", _order_options),
    ):
        sub = reports.add_parser(name, parents=[shared], help=text, description=f"{text.capitalize()}.")
        add(sub)
        sub.add_argument("--format", choices=FORMATS, default="table", help="[table]")
        sub.add_argument(
            "--prometheus.url",
            dest="prometheus_url",
            type=typed(configtypes.url),
            metavar="URL",
            help="whom to ask, without the credentials of the config [prometheus.url of the config]",
        )


def _pages_options(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--month", type=typed(periods.first_of), metavar="YYYY-MM", help="[the last whole month]")
    add("--from", dest="first", type=typed(periods.day), metavar="YYYY-MM-DD", help="the first day, with --to")
    add("--to", dest="last", type=typed(periods.day), metavar="YYYY-MM-DD", help="the last day, which is in it")
    add("--by", type=typed(_group), default="printer", metavar="printer|location|LABEL", help="[printer]")


def _usage_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("printer", metavar="PRINTER", help="its name")


def _order_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--days", type=typed(_days), default=14, help="how far to look ahead [14]")


def _days(text: str) -> int:
    if not re.fullmatch("[0-9]{1,3}", text):
        raise ValueError("expected a number of days from 0 to 999")
    return int(text)


def _group(text: str) -> str:
    if text in _GROUPS:
        return text
    is_name = re.fullmatch("[a-zA-Z_][a-zA-Z0-9_]*", text)
    if not is_name or text in configtypes.RESERVED_LABELS | _COLUMNS:
        raise ValueError("expected printer, location or a label of your own, such as department")
    return text


def run(options: argparse.Namespace, config: Config | None) -> int:
    """Carry out a report; raises CommandError, UsageError and StateError. Without a config there is no state."""
    settings = asked(config, options.prometheus_url)
    if settings is None:
        raise CommandError(NOBODY_TO_ASK)
    zone = config.zone if config else system_zone(os.environ)
    months = _months(config, getattr(options, "by", "")) if config and options.report != "order" else {}
    try:
        report = asyncio.run(_made(options, settings, months, zone))
    except (PrometheusError, ReportError) as error:
        raise CommandError(str(error)) from None
    _show(report, options.format)
    return 0


def asked(config: Config | None, url: str | None) -> Prometheus | None:
    """Return whom to ask; a password of the config goes to no other server than its own."""
    if url:
        return Prometheus(url=url)
    return config.prometheus if config else None


def _months(config: Config, label: str) -> Months:
    """Return what the state knows; where there is none, a line on standard error says so."""
    if config.state_path == MEMORY:
        return {}
    if not exists(config.state_path):
        sys.stderr.write(
            f"There is no state file {config.state_path} here: months before Prometheus are not in this.\n"
        )
        return {}
    printers = inventory.printers_of(config)
    with closing(State(config.state_path, read_only=True)) as state:
        return remembered(state, config, printers, label)


async def _made(options: argparse.Namespace, settings: Prometheus, months: Months, zone: tzinfo) -> Report:
    now = time.time()
    with Console(stderr=True).status(f"asking {settings.url} …"):
        async with Client(settings) as client:
            if options.report == "order":
                return await order_report(client, options.days, zone=zone, now=now)
            if options.report == "usage":
                return await usage_report(client, months, options.printer, zone=zone, now=now)
            first, after = _days_of(options, datetime.fromtimestamp(now, zone).date())
            return await pages_report(client, months, first, after, by=options.by, zone=zone, now=now)


def _days_of(options: argparse.Namespace, today: date) -> tuple[date, date]:
    """Return the first day and the one after the last."""
    if (options.first is None) != (options.last is None):
        raise UsageError("--from and --to need each other")
    if options.month and options.first:
        raise UsageError("give --month, or --from and --to")
    if options.first:
        first, after = options.first, options.last + periods.ONE_DAY
    else:
        first = options.month or periods.months_before(today, 1)[0]
        after = periods.next_month(first)
    if first >= after:
        raise UsageError("--from is after --to")
    if first > today:
        raise UsageError(f"{first} is still to come")
    return first, after


def _show(report: Report, form: str) -> None:
    """Write a report; what one has to know of it stands on standard error beside CSV."""
    if form == "json":
        sys.stdout.write(as_json(report) + "\n")
    elif form == "csv":
        sys.stdout.write(as_csv(report))
        sys.stderr.writelines(f"{note}\n" for note in report.notes)
    else:
        console = Console()
        console.print(Text(report.title, style="bold"))
        if report.rows:
            console.print(as_table(report))
        for line in (report.last_line, *report.notes):
            console.print(Text(line))
