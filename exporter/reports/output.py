"""Reports as a table for a terminal, as CSV and as JSON. Pure."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from rich.table import Table
from rich.text import Text

FORMATS: Final = ("table", "csv", "json")
# What makes a spreadsheet take a cell for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_SHORT = 8

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Report:
    """What was found; `rows` have the keys of `columns`, whose values are headings, "" where the table lacks them."""

    title: str
    """What it is about, with the time and the zone, in a line."""
    columns: Mapping[str, str]
    rows: Sequence[Row]
    facts: Row
    """What holds for all rows; among it the time zone."""
    notes: Sequence[str] = ()
    """What one has to know to take the numbers for what they are."""
    last_line: str = ""
    more: Row = field(default_factory=dict)
    """What JSON has beside the facts, in place of the rows."""


def as_json(report: Report) -> str:
    """Return a report as a JSON object: its facts, its rows, its notes."""
    rows = report.more or {"rows": report.rows}
    return json.dumps({**report.facts, **rows, "notes": report.notes}, indent=2, ensure_ascii=False)


def as_csv(report: Report) -> str:
    """Return the rows as CSV (RFC 4180), a line of headings first, with the facts in each; no cell is a formula."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*report.columns, *report.facts])
    for row in report.rows:
        writer.writerow([_cell(row[key]) for key in report.columns] + [_cell(value) for value in report.facts.values()])
    return text.getvalue()


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def as_table(report: Report) -> Table:
    """Return the rows as a table for a terminal; what is short stays in one line."""
    shown = Table(box=None, header_style="bold", pad_edge=False)
    columns = {key: heading for key, heading in report.columns.items() if heading}
    for key, heading in columns.items():
        values = [row[key] for row in report.rows]
        is_number = any(isinstance(value, int | float) for value in values)
        is_short = all(len(_shown(value)) <= _SHORT for value in values)
        shown.add_column(heading, overflow="fold", justify="right" if is_number else "left", no_wrap=is_short)
    for row in report.rows:
        shown.add_row(*(_shown(row[key]) for key in columns))
    return shown


def _shown(value: object) -> Text:
    return Text(f"{value:,}" if isinstance(value, int | float) else str(value or "-"))
