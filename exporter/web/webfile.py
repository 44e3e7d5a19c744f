"""The web config file, in the format of Prometheus' exporter-toolkit: TLS, basic auth, headers and a rate limit.

What Python's ssl module cannot do, or does only half, is a fault with its line, never left out in silence.
"""

import functools
import ipaddress
import logging
import os
import re
import ssl
import tempfile
from collections.abc import Iterable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError

from exporter import yamlsource
from exporter.config import read_text, repeated
from exporter.configfaults import ConfigError, Fault, Finding, explained, faults, meant
from exporter.configtypes import Duration, Flag, Section, Text, or_empty, scalar
from exporter.marks import Mark, mark

log = logging.getLogger(__name__)

_VERSIONS: Final = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_CLIENT_AUTH: Final = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_UNVERIFIED: Final = frozenset({"RequestClientCert", "RequireAnyClientCert", "RequireClientCert"})
# The last character of the salt carries two bits only. Above a cost of 15 one password takes seconds.
_BCRYPT: Final = r"\$2[aby]\$(?:0[4-9]|1[0-5])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}"
_HEADER_VALUES: Final[Mapping[str, frozenset[str]]] = {
    "Strict-Transport-Security": frozenset(),
    "Content-Security-Policy": frozenset(),
    "X-Frame-Options": frozenset({"deny", "sameorigin"}),
    "X-Content-Type-Options": frozenset({"nosniff"}),
    "X-XSS-Protection": frozenset(),
}
"""What may be set, and the values that a header is limited to."""


def _user_name(text: str) -> str:
    if ":" in text:
        raise ValueError("a user name has no colon")
    return text


def _bcrypt_hash(text: str) -> str:
    if not re.fullmatch(_BCRYPT, text):
        raise ValueError(
            "expected a bcrypt hash such as $2y$10$… of 60 characters, its cost from 04 to 15; htpasswd -nB makes one"
        )
    return text


def _tls_version(text: str) -> str:
    if text not in _VERSIONS:
        raise ValueError(f"expected {' or '.join(_VERSIONS)}; older versions are not served")
    return text


_TlsVersion = Annotated[Text, AfterValidator(_tls_version)]


class TlsServer(Section):
    """`tls_server_config`: paths are relative to the file."""

    cert_file: Text = ""
    key_file: Text = ""
    cert: str = ""
    key: str = Field(default="", repr=False)
    client_auth_type: Text = "NoClientCert"
    client_ca_file: Text = ""
    client_ca: str = ""
    client_allowed_sans: tuple[Text, ...] = ()
    min_version: _TlsVersion = "TLS12"
    max_version: _TlsVersion = "TLS13"
    cipher_suites: tuple[Text, ...] = ()
    prefer_server_cipher_suites: Flag = True
    curve_preferences: tuple[Text, ...] = ()


class HttpServer(Section):
    """`http_server_config`."""

    http2: Flag = True
    """Taken and ignored: HTTP/1.1 is what is spoken."""
    headers: Annotated[dict[str, Text], or_empty(dict)] = Field(default_factory=dict)


class RateLimit(Section):
    """`rate_limit`: `burst` requests at once, and one more each `interval` (seconds; 0 for no limit)."""

    interval: Annotated[Duration, Field(ge=0)] = 0.0
    burst: Annotated[int, Field(strict=True, ge=1), BeforeValidator(scalar)] = 1


class WebFile(Section):
    """The whole file."""

    tls_server_config: TlsServer | None = None
    http_server_config: Annotated[HttpServer, or_empty(dict)] = Field(default_factory=HttpServer)
    basic_auth_users: Annotated[
        dict[Annotated[str, AfterValidator(_user_name)], Annotated[str, AfterValidator(_bcrypt_hash)]],
        or_empty(dict),
    ] = Field(default_factory=dict, repr=False)
    rate_limit: Annotated[RateLimit, or_empty(dict)] = Field(default_factory=RateLimit)


@dataclass(frozen=True, slots=True)
class WebConfig:
    """What the listeners and routes need of the file; without one, nothing is asked for."""

    tls: ssl.SSLContext | None = None
    allowed_sans: frozenset[str] = frozenset()
    """Names of which a client's certificate must have one; empty for any certificate."""
    users: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    """Bcrypt hashes by name; empty lets everybody in."""
    headers: Mapping[str, str] = field(default_factory=dict)
    rate_limit: RateLimit = field(default_factory=RateLimit)

    def __str__(self) -> str:
        """What of it a person wants to know."""
        tls = "TLS" if self.tls else "no TLS"
        if self.tls and self.tls.verify_mode is ssl.CERT_REQUIRED:
            tls += " with client certificates"
        return f"{tls}, {f'{len(self.users)} users' if self.users else 'no passwords'}"


def load(path: Path, seen: MutableMapping[Path, Mark] | None = None) -> WebConfig:
    """Read a web config file and what it names; raises ConfigError with all faults.

    `seen` is filled with the files that were read or looked for, as each was before.
    """
    seen = {} if seen is None else seen
    seen[path] = mark(path)
    document = _document(path)
    file, findings = _validated(document)
    config: WebConfig | None = None
    if file and not findings:
        seen.update((named, mark(named)) for named in _named(file.tls_server_config, path.parent))
        try:
            config = _web_config(file, path.parent)
        except _UnusableError as error:
            findings = [Finding(("tls_server_config", error.key), error.message)]
    if config is None:
        # Raised outside of any `except`: pydantic's own error knows the input, keys included.
        raise ConfigError(faults(findings, document, str(path), _schema()))
    return config


def san(text: str) -> str:
    """A subject alternative name in one spelling: an IPv6 address has several."""
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return text


def _document(path: Path) -> yamlsource.Document:
    text = read_text(path)
    if not text.strip():  # as a file is while somebody writes it
        raise ConfigError((Fault(str(path), 1, "", "empty; a file that asks for nothing has {} in it"),))
    try:
        return yamlsource.read(text)
    except yamlsource.YamlError as error:
        raise ConfigError((Fault(str(path), error.line, "", error.message),)) from None


def _validated(document: yamlsource.Document) -> tuple[WebFile | None, list[Finding]]:
    twice = list(repeated(document))
    try:
        file = WebFile.model_validate(document.data)
    except ValidationError as error:
        return None, [*twice, *explained(error, document, _schema())]
    return file, [*twice, *_tls_faults(file.tls_server_config), *_header_faults(file.http_server_config)]


@functools.cache
def _schema() -> dict[str, Any]:
    return WebFile.model_json_schema()


# ---- what cannot be used


class _UnusableError(Exception):
    """A certificate, key or CA that cannot be loaded: the key of the file, and why."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key = key
        self.message = message


def _tls_faults(tls: TlsServer | None) -> Iterator[Finding]:
    if tls:
        for key, message in (*_pair_faults(tls), *_client_faults(tls), *_openssl_faults(tls)):
            yield Finding(("tls_server_config", key), message)


def _pair_faults(tls: TlsServer) -> Iterator[tuple[str, str]]:
    for what, text, file in (("cert", tls.cert, tls.cert_file), ("key", tls.key, tls.key_file)):
        if text and file:
            yield f"{what}_file", f"give {what} or {what}_file, not both"
        elif not text and not file:
            yield f"{what}_file", f"missing: give {what}_file, or {what}"


def _client_faults(tls: TlsServer) -> Iterator[tuple[str, str]]:
    kind, has_ca = tls.client_auth_type or "NoClientCert", bool(tls.client_ca or tls.client_ca_file)
    if kind in _UNVERIFIED:
        yield "client_auth_type", f"{kind} cannot be used: OpenSSL verifies every certificate that it asks for"
    elif kind not in _CLIENT_AUTH:
        yield "client_auth_type", f"expected one of {', '.join(_CLIENT_AUTH)}{meant(kind, _CLIENT_AUTH)}"
    elif kind == "NoClientCert" and has_ca:
        yield "client_auth_type", "a client CA does nothing without RequireAndVerifyClientCert"
    elif kind != "NoClientCert" and not has_ca:
        yield "client_auth_type", f"{kind} needs client_ca_file or client_ca"
    if tls.client_allowed_sans and kind in _CLIENT_AUTH and kind != "RequireAndVerifyClientCert":
        yield "client_allowed_sans", "needs client_auth_type: RequireAndVerifyClientCert"
    if tls.client_ca and tls.client_ca_file:
        yield "client_ca_file", "give client_ca or client_ca_file, not both"


def _openssl_faults(tls: TlsServer) -> Iterator[tuple[str, str]]:
    if tls.cipher_suites:
        yield "cipher_suites", "cannot be used: these are Go's names, and OpenSSL chooses its own here; leave it out"
    if tls.curve_preferences:
        yield "curve_preferences", "cannot be used: OpenSSL chooses the curve here; leave it out"
    if _VERSIONS[tls.min_version] > _VERSIONS[tls.max_version]:
        yield "min_version", "is above max_version"


def _header_faults(http: HttpServer) -> Iterator[Finding]:
    for name, value in http.headers.items():
        place = ("http_server_config", "headers", name)
        if name not in _HEADER_VALUES:
            yield Finding(place, f"expected one of {', '.join(_HEADER_VALUES)}{meant(name, _HEADER_VALUES)}")
        elif value and _HEADER_VALUES[name] and value.lower() not in _HEADER_VALUES[name]:
            yield Finding(place, f"expected {' or '.join(sorted(_HEADER_VALUES[name]))}")


# ---- from the file to what is used


def _web_config(file: WebFile, folder: Path) -> WebConfig:
    tls = file.tls_server_config
    return WebConfig(
        tls=_context(tls, folder) if tls else None,
        allowed_sans=frozenset(map(san, tls.client_allowed_sans)) if tls else frozenset(),
        users={name: value.encode() for name, value in file.basic_auth_users.items()},
        headers={name: value for name, value in file.http_server_config.headers.items() if value},
        rate_limit=file.rate_limit,
    )


def _named(tls: TlsServer | None, folder: Path) -> Iterable[Path]:
    names = (tls.cert_file, tls.key_file, tls.client_ca_file) if tls else ()
    return (folder / name for name in names if name)


def _context(tls: TlsServer, folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version, context.maximum_version = _VERSIONS[tls.min_version], _VERSIONS[tls.max_version]
    if not tls.prefer_server_cipher_suites:  # Python sets it by itself
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE
    _load_certificate(context, tls, folder)
    if tls.client_ca or tls.client_ca_file:
        _load_client_ca(context, tls, folder)
    context.verify_mode = _CLIENT_AUTH[tls.client_auth_type or "NoClientCert"]
    return context


def _load_certificate(context: ssl.SSLContext, tls: TlsServer, folder: Path) -> None:
    cert_key = "cert_file" if tls.cert_file else "cert"
    cert = tls.cert or _text("cert_file", folder / tls.cert_file)
    key = tls.key or _text("key_file", folder / tls.key_file)
    with _as_file(cert) as cert_path, _as_file(key) as key_path:
        try:
            context.load_cert_chain(cert_path, key_path, password=_no_password)
        except ssl.SSLError as error:
            reason = (error.reason or "").replace("_", " ").lower() or "no certificate and key in PEM"
            raise _UnusableError(cert_key, f"cannot be used with its key: {reason}") from None
        except _PasswordError:
            message = "is encrypted with a password; openssl pkey -in FILE writes one that is not"
            raise _UnusableError("key_file" if tls.key_file else "key", message) from None


class _PasswordError(Exception):
    pass


def _no_password() -> str:
    """Keep OpenSSL from asking at the terminal for the password of a key."""
    raise _PasswordError


def _load_client_ca(context: ssl.SSLContext, tls: TlsServer, folder: Path) -> None:
    text = tls.client_ca or _text("client_ca_file", folder / tls.client_ca_file)
    try:
        context.load_verify_locations(cadata=text)
    except ssl.SSLError:
        key = "client_ca_file" if tls.client_ca_file else "client_ca"
        raise _UnusableError(key, "has no certificates in PEM") from None


def _text(key: str, path: Path) -> str:
    try:
        return path.read_text("ascii", errors="replace")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "bad path"
        raise _UnusableError(key, f"cannot be read: {reason}") from None


@contextmanager
def _as_file(text: str) -> Iterator[str]:
    """Give the path of a file with this text that nobody else can read: OpenSSL takes certificates from files only."""
    if hasattr(os, "memfd_create"):
        with open(os.memfd_create("pem"), "w", encoding="utf-8") as memory:  # noqa: PTH123  (a descriptor)
            memory.write(text)
            memory.flush()
            yield f"/proc/self/fd/{memory.fileno()}"
        return
    with tempfile.NamedTemporaryFile("w", suffix=".pem", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        yield file.name


# ---- read again


class Watched:
    """A web config file, read again when it or a file that it names has changed; raises ConfigError at first."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._seen: dict[Path, Mark] = {}
        self._config = load(path, self._seen) if path else WebConfig()
        self._fault = ""

    @property
    def current(self) -> WebConfig:
        """The config of now; one with a fault changes nothing, and is logged once."""
        if self._path and any(mark(file) != before for file, before in self._seen.items()):
            self._read_again(self._path)
        return self._config

    @property
    def succeeded(self) -> bool:
        """Whether the file could be used when it was last read."""
        return not self._fault

    def _read_again(self, path: Path) -> None:
        self._seen = {}
        try:
            config = load(path, self._seen)
            if bool(config.tls) != bool(self._config.tls):
                raise ConfigError((Fault(str(path), 0, "tls_server_config", "TLS comes and goes at a start only"),))
        except ConfigError as error:
            if str(error) != self._fault:
                self._fault = str(error)
                log.error("web config not loaded, the old one stays", extra={"faults": self._fault})  # noqa: TRY400
        else:
            self._config, self._fault = config, ""
            log.info("web config loaded", extra={"file": path})
