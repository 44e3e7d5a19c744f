"""Every error of the SNMP libraries and of the system becomes one of ours, without its text and without itself."""

import asyncio
import builtins
import errno
import inspect
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from types import ModuleType
from typing import Any

import gufo.snmp
import pyasn1.error
import pysnmp.carrier.error
import pysnmp.error
import pysnmp.proto.errind
import pysnmp.proto.error
import pysnmp.smi.error
import pytest
from pydantic import SecretStr

from exporter.config import CommunityCredentials, EngineName
from exporter.snmp import gufo as gufo_engine
from exporter.snmp import pysnmp as pysnmp_engine
from exporter.snmp.engines import Engines
from exporter.snmp.errors import Auth, Protocol, Refused, SnmpError, Timeout, from_system
from exporter.snmp.session import Session, Target

SECRET = "a-secret-or-an-answer"  # noqa: S105 - planted, to be looked for
TARGET = Target("127.0.0.1", 161, CommunityCredentials(version="2c", community=SecretStr(SECRET)))
OURS = (Refused, Timeout, Auth, Protocol)
both_engines = pytest.mark.parametrize("engine", ["gufo", "pysnmp"])
TRANSLATE: dict[EngineName, Callable[[Exception], SnmpError]] = {
    "gufo": gufo_engine.translate,
    "pysnmp": pysnmp_engine.translate,
}


def tree(root: type[Exception]) -> Iterator[type[Exception]]:
    yield root
    for kind in root.__subclasses__():
        yield from tree(kind)


def classes(module: ModuleType) -> set[type[Exception]]:
    """Return the exceptions that a module defines."""
    found = {kind for _, kind in inspect.getmembers(module, inspect.isclass) if kind.__module__ == module.__name__}
    return {kind for kind in found if issubclass(kind, Exception)}


def raised(kind: Any) -> Exception:
    """Make an error that carries the secret, however its class wants to be called."""
    made: list[Exception] = []
    for positional, named in (((errno.EIO, SECRET), {}), ((SECRET,), {}), ((), {"secret": SECRET})):
        with suppress(TypeError):
            made.append(kind(*positional, **named))
    return made[0]


SYSTEM = {kind for kind in vars(builtins).values() if isinstance(kind, type) and issubclass(kind, OSError)}
FOREIGN: dict[EngineName, set[type[Exception]]] = {
    "gufo": {*tree(gufo.snmp.SnmpError), *SYSTEM, ValueError, RuntimeError, Exception},
    "pysnmp": {
        *classes(pysnmp.error),
        *classes(pysnmp.proto.error),
        *classes(pysnmp.proto.errind),
        *classes(pysnmp.smi.error),
        *classes(pysnmp.carrier.error),
        *classes(pyasn1.error),
        *SYSTEM,
        socket.gaierror,
        ValueError,
        RuntimeError,
        Exception,
    },
}


def by_name(kinds: Iterable[type[Exception]]) -> list[type[Exception]]:
    return sorted(kinds, key=lambda kind: kind.__name__)


CASES = [(engine, kind) for engine, kinds in FOREIGN.items() for kind in by_name(kinds)]
each_foreign = pytest.mark.parametrize(("engine", "kind"), CASES, ids=[f"{e}-{k.__name__}" for e, k in CASES])

indications = pysnmp.proto.errind
SENSIBLE: dict[type[Exception], type[SnmpError]] = {
    **dict.fromkeys(SYSTEM, Refused),
    socket.gaierror: Refused,
    TimeoutError: Timeout,
    gufo.snmp.SnmpAuthError: Auth,
    pysnmp.proto.error.RequestTimeout: Timeout,
    indications.RequestTimedOut: Timeout,
    **dict.fromkeys(
        (
            indications.AuthenticationError,
            indications.AuthenticationFailure,
            indications.DecryptionError,
            indications.NoAccessEntry,
            indications.NoAuthentication,
            indications.NoEncryption,
            indications.NoGroupName,
            indications.NoSuchContext,
            indications.NoSuchView,
            indications.NotInTimeWindow,
            indications.NotInView,
            indications.UnknownCommunityName,
            indications.UnknownSecurityName,
            indications.UnknownUserName,
            indications.UnsupportedSecurityLevel,
            indications.WrongDigest,
        ),
        Auth,
    ),
}
"""What each must become; all others become Protocol."""


def test_the_walk_finds_the_libraries_exceptions() -> None:
    assert len(list(tree(gufo.snmp.SnmpError))) >= 5
    assert len(FOREIGN["pysnmp"]) > 100
    assert {ConnectionRefusedError, TimeoutError, BlockingIOError} < SYSTEM


@each_foreign
def test_each_becomes_a_sensible_one_of_ours_without_its_text(engine: EngineName, kind: type[Exception]) -> None:
    ours = TRANSLATE[engine](raised(kind))
    assert type(ours) is SENSIBLE.get(kind, Protocol)
    assert SECRET not in f"{ours!r} {ours}"
    assert str(ours)


@pytest.mark.parametrize("kind", by_name(classes(indications)))
def test_an_indication_inside_a_status_is_what_it_says(kind: type[Exception]) -> None:
    status = pysnmp.proto.error.StatusInformation(errorIndication=raised(kind), PDU=SECRET)
    ours = pysnmp_engine.translate(status)
    assert type(ours) is SENSIBLE.get(kind, Protocol)
    assert SECRET not in str(ours)


def test_a_report_that_says_nothing_is_one_too() -> None:
    assert type(pysnmp_engine.translate(pysnmp.proto.error.StatusInformation())) is Protocol


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, SECRET), "Refused('nothing listens on this port')"),
        (OSError(errno.EHOSTUNREACH, SECRET), "Refused('No route to host')"),
        (OSError(errno.ENETUNREACH, SECRET), "Refused('Network is unreachable')"),
        (
            OSError(errno.EMFILE, SECRET),
            "Exhausted('the exporter has no descriptor left: raise its limit of open files')",
        ),
        (
            OSError("Too many open files (os error 24)"),
            "Exhausted('the exporter has no descriptor left: raise its limit of open files')",
        ),
        (OSError("Network is unreachable (os error 101)"), "Refused('Network is unreachable')"),
        (OSError("Connection refused (os error 111)"), "Refused('nothing listens on this port')"),
        (OSError(SECRET), "Refused('not an address to send to')"),
        (socket.gaierror(socket.EAI_NONAME, SECRET), "Refused('not an address to send to')"),
        (TimeoutError(errno.ETIMEDOUT, SECRET), "Timeout('no answer')"),
    ],
)
def test_an_error_of_the_system_is_told_in_the_systems_words(error: OSError, expected: str) -> None:
    assert repr(from_system(error)) == expected


def test_icmp_is_found_in_the_text_of_gufos_timeout() -> None:
    assert type(gufo_engine.translate(TimeoutError("connection refused"))) is Refused


class Broken:
    """A library that raises `error` at each request."""

    def __init__(self, error: BaseException) -> None:
        self.error = error

    async def fail(self, *_: object) -> None:
        raise self.error

    def send(self, *_: object) -> None:
        raise self.error

    async def prepare(self) -> None:
        pass

    ask = fail
    send_get_many = send_get_next = send_get_bulk = send


@contextmanager
def failing_session(engine: EngineName, error: BaseException) -> Iterator[Session]:
    """Open a session whose library raises `error` at each request."""
    with closing(Engines(engine)) as engines, closing(engines.open(TARGET)) as session:
        broken: Any = Broken(error)
        if isinstance(session, gufo_engine._GufoSession):
            session._socket = broken
        else:
            assert isinstance(session, pysnmp_engine._PysnmpSession)
            session._link.ask = broken.ask  # type: ignore[method-assign]
            session._link.prepare = broken.prepare  # type: ignore[method-assign]
        yield session


async def use(session: Session, way: str) -> object:
    if way == "get":
        return await session.get(["1.3.6"], 5)
    return await session.walk("1.3.6", 0 if way == "next" else 5).page(5)


@each_foreign
async def test_none_escapes_from_a_request(engine: EngineName, kind: type[Exception]) -> None:
    with failing_session(engine, raised(kind)) as session:
        for way in ("get", "next", "bulk"):
            with pytest.raises(OURS) as caught:
                await use(session, way)
            assert (caught.value.__cause__, caught.value.__context__) == (None, None)


@each_foreign
def test_none_escapes_from_open(engine: EngineName, kind: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise raised(kind)

    monkeypatch.setattr(gufo_engine, "_library_session", fail)
    monkeypatch.setattr(pysnmp_engine, "_Link", fail)
    with pytest.raises(OURS) as caught:
        Engines(engine).open(TARGET)
    assert (caught.value.__cause__, caught.value.__context__) == (None, None)


@pytest.mark.parametrize("kind", [asyncio.CancelledError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("way", ["get", "next", "bulk"])
@both_engines
async def test_what_is_no_error_of_a_library_passes_through(
    engine: EngineName, way: str, kind: type[BaseException]
) -> None:
    with failing_session(engine, kind()) as session, pytest.raises(kind):
        await use(session, way)


async def test_a_panic_of_the_compiled_codec_is_an_error_of_ours() -> None:
    """It comes as a BaseException that no module exports."""
    panic = type("PanicException", (BaseException,), {})
    with failing_session("gufo", panic(SECRET)) as session, pytest.raises(Protocol) as caught:
        await use(session, "get")
    assert SECRET not in str(caught.value)
    assert caught.value.__context__ is None
