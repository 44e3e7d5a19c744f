"""Alerts over IPP, as rows of prtAlertTable: the printer's own table, and its reasons where that says less. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import zip_longest

from exporter.ipp.codec import Attributes
from exporter.printers import names, words
from exporter.printers.ipp.reasons import CRITICAL, GENERAL, WARNING, Condition
from exporter.printers.ipp.supplies import low_rows
from exporter.printers.ipp.values import Row, Rows, by_label, fields, label, number, octets, texts
from exporter.printers.text import clean

_GROUPS, _CODES, _TRAINING = by_label(names.ALERT_GROUPS), by_label(names.ALERT_CODES), by_label(names.TRAINING)
_SEVERITIES = {"other": 1, "critical": CRITICAL, "warning": WARNING, "warningbinarychangeevent": 5}
# The codes of toner and its waste, for printers with ink.
_OF_INK = {1101: 1102, 1104: 1105, 1107: 1108, 1109: 1110}
# Codes that say that a supply is low or empty, though not which.
_LOW_OR_EMPTY = frozenset({12, 13, 1101, 1102, 1104, 1105})


def alert_rows(attributes: Attributes, found: Iterable[Condition], supplies: Rows) -> Rows:
    """Return what printer-alert says, and what is `found` in the reasons and not there."""
    told = [*_told(attributes)]
    missing = (condition for condition in _of_ink(found, supplies) if not _is_known(condition, told))
    low = low_rows(attributes, supplies)
    return dict(enumerate([*told, *(row for condition in missing for row in _rows(condition, low))], 1))


def _told(attributes: Attributes) -> Iterator[Row]:
    """Yield the rows of printer-alert (PWG 5100.9) that tell of something."""
    alerts, descriptions = texts(attributes, "printer-alert"), texts(attributes, "printer-alert-description")
    for alert, description in zip_longest(alerts, descriptions, fillvalue=""):
        told = fields(alert)
        severity, code = label(_SEVERITIES, told.get("severity")), label(_CODES, told.get("code"))
        if (severity or 0) > _SEVERITIES["other"] or (code or 0) > _CODES["unknown"]:
            yield {
                "prtAlertSeverityLevel": severity,
                "prtAlertTrainingLevel": label(_TRAINING, told.get("training")),
                "prtAlertGroup": label(_GROUPS, told.get("group")),
                "prtAlertGroupIndex": number(told.get("groupindex")),
                "prtAlertCode": code,
                "prtAlertDescription": octets(description),
            }


def _is_known(condition: Condition, told: Iterable[Row]) -> bool:
    """Tell whether a row speaks of the same part of the printer, or says the same."""
    return any(
        row["prtAlertCode"] == condition.code or row["prtAlertGroup"] == condition.group != GENERAL for row in told
    )


def _of_ink(found: Iterable[Condition], supplies: Rows) -> Iterable[Condition]:
    """Return the conditions with the codes of ink where the printer has no toner."""
    kinds = {_kind(row) for row in supplies.values()}
    if "ink" not in kinds or "toner" in kinds:
        return found
    return (replace(condition, code=_OF_INK.get(condition.code, condition.code)) for condition in found)


def _kind(supply: Row) -> str:
    type_number = supply["prtMarkerSuppliesType"]
    description = clean(supply["prtMarkerSuppliesDescription"])
    return words.kind_of(type_number if isinstance(type_number, int) else 0, description)


def _rows(condition: Condition, low: Sequence[int]) -> Iterator[Row]:
    """Yield a row for each supply that is meant, one that names none where that is not known."""
    for supply in low if low and condition.code in _LOW_OR_EMPTY else [None]:
        yield {
            "prtAlertSeverityLevel": condition.severity,
            "prtAlertGroup": condition.group,
            "prtAlertGroupIndex": supply,
            "prtAlertCode": condition.code,
            "prtAlertDescription": octets(condition.keyword),
        }
