"""Log lines as Prometheus' own programs write them: logfmt or JSON, one a line, on standard error."""

import json
import logging
from datetime import UTC, datetime

from exporter.repeats import Repeats

_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class _Formatter(logging.Formatter):
    def fields(self, record: logging.LogRecord) -> dict[str, object]:
        """Return time, level, logger and message, then what was given as `extra`."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        fields: dict[str, object] = {
            "time": moment.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "msg": record.getMessage(),
        }
        fields |= {key: value for key, value in vars(record).items() if key not in _STANDARD}
        if record.exc_info:
            fields["error"] = self.formatException(record.exc_info)
        return fields


class Logfmt(_Formatter):
    """`key=value` pairs, quoted where needed."""

    def format(self, record: logging.LogRecord) -> str:
        return " ".join(f"{key}={_quoted(str(value))}" for key, value in self.fields(record).items())


class Json(_Formatter):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        return _json(self.fields(record))


FORMATS: dict[str, type[_Formatter]] = {"logfmt": Logfmt, "json": Json}
LEVELS = ("debug", "info", "warning", "error")


class Seldom(logging.Filter):
    """Lets what a library warns of again and again through now and then only, with how often it did.

    A client that sends no HTTP, or a lack of descriptors, must not fill the log. Our own modules see to it themselves.
    """

    def __init__(self) -> None:
        super().__init__()
        self._repeats = Repeats()

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING or record.name.startswith("exporter."):
            return True
        error = record.exc_info[0] if record.exc_info else None
        # Where it was logged, and of what kind: so there are few of them, whatever the texts say.
        times = self._repeats.failed(f"{record.pathname}:{record.lineno} {error}", at=record.created)
        record.times = times
        return bool(times)


def configure(level: str, style: str) -> None:
    """Send every log line to standard error in the given style."""
    handler = logging.StreamHandler()
    handler.setFormatter(FORMATS[style]())
    handler.addFilter(Seldom())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)


def _quoted(text: str) -> str:
    is_plain = text and all(char.isprintable() and char not in ' "=' for char in text)
    return text if is_plain else _json(text)


def _json(value: object) -> str:
    """Return a value in JSON: letters of every script stand as they are, what a terminal might act on is escaped."""
    text = json.dumps(value, default=str, ensure_ascii=False)
    return (
        text if text.isprintable() else "".join(char if char.isprintable() else json.dumps(char)[1:-1] for char in text)
    )
