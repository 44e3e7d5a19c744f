"""Which engine speaks to which printer."""

from collections.abc import Callable, Iterable
from typing import Literal

from exporter.config import Credentials, EngineName
from exporter.snmp.session import Engine, Session, Target

try:
    from exporter.snmp import gufo

    HAS_GUFO = True
except ImportError:  # no wheel for this platform: the portable engine does it all
    HAS_GUFO = False


class Engines:
    """Both engines, made when first needed; `auto` takes the fast one wherever it can serve."""

    def __init__(self, setting: EngineName = "auto") -> None:
        if setting == "gufo" and not HAS_GUFO:
            raise ValueError("snmp.engine is gufo, but gufo-snmp has no build for this platform")
        self._setting = setting
        self._made: dict[str, Engine] = {}

    def open(self, target: Target) -> Session:
        """Open a session with the engine that fits the target; raise SnmpError if it cannot."""
        return self._engine(self.name_for(target)).open(target)

    def name_for(self, target: Target) -> Literal["gufo", "pysnmp"]:
        """Tell which engine serves this target."""
        if self._setting != "auto":
            return self._setting
        return "gufo" if HAS_GUFO and gufo.can_serve(target) else "pysnmp"

    def keep_only(self, credentials: Iterable[Credentials]) -> None:
        """Give back what is kept for other credentials than these."""
        for engine in self._made.values():
            engine.keep_only(credentials)

    def close(self) -> None:
        """Close every engine that was made."""
        for engine in self._made.values():
            engine.close()
        self._made.clear()

    def _engine(self, name: Literal["gufo", "pysnmp"]) -> Engine:
        if name not in self._made:
            self._made[name] = _MAKERS[name]()
        return self._made[name]


def _make_gufo() -> Engine:
    return gufo.GufoEngine()


def _make_pysnmp() -> Engine:
    # Imported late: it costs 150 ms and is rarely needed where the fast engine is.
    from exporter.snmp.pysnmp import PysnmpEngine  # noqa: PLC0415

    return PysnmpEngine()


_MAKERS: dict[str, Callable[[], Engine]] = {"gufo": _make_gufo, "pysnmp": _make_pysnmp}
