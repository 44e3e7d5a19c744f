"""Field types of the config: from text as written to values.

The types stand at the end; pydantic runs the functions above them. What is wrong is a ValueError in plain words.
"""

import functools
import importlib.util
import ipaddress
import os
import re
import unicodedata
import zoneinfo
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, time
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    Strict,
    StringConstraints,
    ValidationInfo,
    WithJsonSchema,
)

from exporter.configfaults import meant, name_in
from exporter.yamlsource import Plain

EngineName = Literal["auto", "gufo", "pysnmp"]
ProtocolName = Literal["snmp", "ipp", "ipps"]

DEFAULT_PORTS: Final[Mapping[str, int]] = {"snmp": 161, "ipp": 631, "ipps": 631}

# Every label of the metric table in the design, the cameras' too, and those of Prometheus and Alertmanager.
RESERVED_LABELS: Final = frozenset(
    """
    address bin camera code color cover description error firmware function gateway group hostname interface
    kind level location mac media model month name netmask network_mode part port previous_address printer
    reason serial state status supply training tray unit vendor
    alertname instance job le quantile replica severity
    """.split()  # noqa: SIM905  (forty quoted words are harder to compare with the table)
)

MAX_SECRET_FILE: Final = 65_536

SERVER_PORTS: Final[Mapping[str, int]] = {"windows": 445, "ipp": 631, "ipps": 631}
"""Ports of print servers, by the schemes of their URLs."""

_UNITS = {
    "y": 31_536_000_000,
    "w": 604_800_000,
    "d": 86_400_000,
    "h": 3_600_000,
    "m": 60_000,
    "s": 1000,
    "ms": 1,
}
_DURATION = "".join(f"([0-9]{{1,9}}{unit})?" for unit in _UNITS)
_HOST_NAME = re.compile(r"(?=.{1,253}$)[\w-]{1,63}(\.[\w-]{1,63})*\.?")
_INTERFACE = r"[^\s/:]{1,15}"  # what Linux lets an interface be called
_MAC = r"[0-9a-fA-F]{2}([:-])([0-9a-fA-F]{2}\1){4}[0-9a-fA-F]{2}|([0-9a-fA-F]{4}\.){2}[0-9a-fA-F]{4}"
_VARIABLE = re.compile(r"\$?\$\{(?:([A-Za-z_][A-Za-z0-9_]*)\})?")


class Section(BaseModel):
    """A section of a config file: what is not known in it is a fault, and no fault shows what was written."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What secrets are taken from."""

    environ: Mapping[str, str]
    folder: Path


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A secret that stands in a file, as written."""

    path: object
    beside_literal: bool


def scalar(value: object) -> object:
    """What YAML takes text without quotes for; any other value as it is."""
    return value.value if isinstance(value, Plain) else value


def or_empty(make: Callable[[], object]) -> BeforeValidator:
    """A key with nothing after it is an empty section, not a fault."""
    return BeforeValidator(lambda value: make() if value is None else value)


def seconds(text: str) -> float:
    """Seconds of a Prometheus duration; raises ValueError."""
    match = re.fullmatch(_DURATION, text)
    if not text or (match is None and text != "0"):
        raise ValueError("expected a duration such as 500ms, 30s, 5m or 7d")
    parts = [part for part in match.groups() if part] if match else []
    return sum(int(part.rstrip("ywdhms")) * _UNITS[part.lstrip("0123456789")] for part in parts) / 1000


def _duration(value: object) -> object:
    return value if isinstance(value, int | float) else seconds(value if isinstance(value, str) else "")


def within(low: str, high: str) -> AfterValidator:
    """The bounds of a duration, written as one."""

    def check(value: float) -> float:
        if not seconds(low) <= value <= seconds(high):
            raise ValueError(f"must be between {low} and {high}")
        return value

    return AfterValidator(check)


def lasting(default: str) -> Any:
    """A duration's default, as a person would write it."""
    return Field(default=seconds(default), json_schema_extra={"default": default})


def _printable(text: str) -> str:
    if any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in text):
        raise ValueError("must not contain control characters or line breaks")
    return text


def _label_name(name: str) -> str:
    if not re.fullmatch(r"[a-zA-Z_][a-zA-Z0-9_]*", name):
        raise ValueError("not a label name: letters, digits and _ only, no digit first")
    if name.startswith("__"):
        raise ValueError("label names that start with __ belong to Prometheus")
    if name in RESERVED_LABELS:
        raise ValueError("this label name is taken: the exporter, Prometheus or Alertmanager sets it")
    return name


def _time(value: object) -> object:
    try:
        return time.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("no such time of day: write 00:00 to 23:59") from None


def _date(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value) else "")
    except ValueError:
        raise ValueError("expected a date such as 2026-12-24") from None


def _network(value: object) -> object:
    if isinstance(value, IPv4Network | IPv6Network):
        return value
    try:
        network = ipaddress.ip_network(value if isinstance(value, str) else "", strict=False)
    except ValueError:
        raise ValueError("expected a network such as 10.10.5.0/24 or 2001:db8::/64") from None
    if ipaddress.ip_interface(str(value)).ip != network.network_address:
        raise ValueError(f"this is an address inside a network; the network is {network}")
    return network


def split_host(text: str, default_port: int = DEFAULT_PORTS["snmp"]) -> tuple[str, int]:
    """Host and port of `name`, `name:port`, `1.2.3.4:port`, `[v6]:port` or `v6`; raises ValueError."""
    match = re.fullmatch(r"\[([^\[\]]*)\](?::([0-9]{1,9}))?|([^:]*)(?::([0-9]{1,9}))?|([^\[\]]*)", text)
    if match is None:
        raise ValueError('expected a name or an address, with ":port" if need be')
    inner, inner_port, outer, outer_port, bare = match.groups()
    port = int(inner_port or outer_port or default_port)
    if not 1 <= port <= 65_535:
        raise ValueError("a port is a number from 1 to 65535")
    host = next(part for part in (inner, outer, bare) if part is not None)
    _check_host(host, is_v6=outer is None)
    return host, port


def bracketed(host: str) -> str:
    """A host as it stands in front of a port: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def _check_host(host: str, *, is_v6: bool) -> None:
    if is_v6:
        good = _is_address(host, 6)
    else:
        numeric = re.fullmatch(r"[0-9.]*", host)
        good = _is_address(host, 4) if numeric else bool(_HOST_NAME.fullmatch(host))
    if not good:
        raise ValueError("expected a host name or an IP address")


def _is_address(text: str, version: int) -> bool:
    try:
        return ipaddress.ip_address(text).version == version
    except ValueError:
        return False


@functools.lru_cache(maxsize=16_384)
def plain_host(host: str) -> str:
    """Return what all spellings of one host share."""
    try:
        return str(ipaddress.ip_address(host))
    except ValueError:
        return host.rstrip(".").casefold()


def _host(text: str) -> str:
    split_host(text)
    return text


def url_path(text: str) -> str:
    """The path of a URL; raises ValueError."""
    if not text.startswith("/"):
        raise ValueError("expected a path such as /ipp/print, without the host")
    return text


def mac(text: str) -> str:
    """The MAC of one device, in lower case with colons; raises ValueError."""
    if not re.fullmatch(_MAC, text):
        raise ValueError("expected a MAC address such as 02:00:5e:10:00:01")
    octets = bytes.fromhex(re.sub(r"[:.-]", "", text))
    if not any(octets):
        raise ValueError("no device has this MAC address: it is all zeros")
    if octets[0] & 1:  # the I/G bit of IEEE 802
        raise ValueError("this MAC address stands for several devices (a group or a broadcast), not for one")
    return octets.hex(":")


def server_url(text: str) -> tuple[str, str, int]:
    """Scheme, host and port of a print server's URL; raises ValueError."""
    scheme, _, rest = text.partition("://")
    if scheme.lower() not in SERVER_PORTS:
        raise ValueError("expected windows://HOST, ipp://HOST or ipps://HOST")
    if "@" in rest:
        raise ValueError("user and password have keys of their own beside url")
    host, port = split_host(rest.removesuffix("/"), SERVER_PORTS[scheme.lower()])
    return scheme.lower(), host.lower(), port


def _server_url(text: str) -> str:
    """A URL as it is shown, the same for all ways to write it."""
    scheme, host, port = server_url(text)
    if scheme == "windows" and importlib.util.find_spec("impacket") is None:
        raise ValueError("impacket is not installed: pip install 'printcam-exporter[windows]'")
    return f"{scheme}://{bracketed(host)}" + (f":{port}" if port != SERVER_PORTS[scheme] else "")


def url(text: str) -> str:
    """The URL of a server without a slash at its end; raises ValueError."""
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "").encode("idna")  # as whoever looks it up does: not with an empty or long label
        is_good = parts.scheme in {"http", "https"} and bool(host) and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good or not re.fullmatch(r"[!-~]+", text):
        raise ValueError("expected a URL such as https://server.example.com")
    if parts.username is not None or parts.password is not None:
        raise ValueError("the URL must not hold a user or a password")
    if parts.query or parts.fragment:
        raise ValueError("the URL must not have a ? or a #")
    return text.rstrip("/")


def _header_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", name):  # RFC 9110, section 5.6.2
        raise ValueError("not the name of an HTTP header")
    return name


def _header_value(secret: SecretStr) -> SecretStr:
    if not re.fullmatch(r"[!-~](?:[ -~]*[!-~])?", secret.get_secret_value()):
        raise ValueError("an HTTP header takes printable ASCII characters only, none blank at the ends")
    return secret


def _basic_auth_user(name: str) -> str:
    if ":" in name:  # RFC 7617, section 2
        raise ValueError("a user of HTTP must not contain a colon")
    return name


def _readable(path: str, info: ValidationInfo) -> str:
    """The path of a file beside the config; as it is when no config file is read."""
    if not isinstance(info.context, Surroundings):
        return path
    found = info.context.folder / path
    try:
        with found.open("rb"):
            return str(found)
    except OSError as error:
        raise ValueError(f"the file cannot be read: {error.strerror}") from None
    except ValueError:
        raise ValueError("not a path") from None


def _ipv4(text: str) -> str:
    if not _is_address(text, 4):
        raise ValueError("expected an IPv4 address such as 10.10.9.255")
    return text


def _interface(text: str) -> str:
    numeric = re.fullmatch(r"[0-9.]*", text)
    if not (_is_address(text, 4) if numeric else re.fullmatch(_INTERFACE, text)):
        raise ValueError("expected the name of an interface, such as eth0, or its IPv4 address")
    return text


def zone(name: str) -> zoneinfo.ZoneInfo | None:
    """The IANA time zone of this name; None where there is none."""
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _zone_name(name: str) -> str:
    if zone(name) is None:
        raise ValueError(f"no such time zone{meant(name, zoneinfo.available_timezones())}")
    return name


def _choice(value: object) -> object:
    """A word to choose by: pydantic before 2.10 takes no kind of str but str itself."""
    return str(value) if isinstance(value, str) else value


def _has_build(engine: str) -> str:
    if engine == "gufo" and importlib.util.find_spec("gufo") is None:
        raise ValueError("gufo-snmp has no build for this platform; use auto or pysnmp")
    return engine


def _version(value: object) -> object:
    return "2c" if value == "2" else _choice(value)


def _credentials_name(name: str) -> str:
    if not name or name != name_in(name):
        raise ValueError("a name of credentials has letters, digits, - and _ only")
    return name


def _protocol(value: object) -> object:
    """Names as printers' own pages spell them: `SHA1`, `sha-256`, `AES`."""
    if not isinstance(value, str):
        return value
    name = value.upper().replace("-", "")
    return {"SHA1": "SHA", "AES": "AES128"}.get(name, name)


def _secret(value: object, info: ValidationInfo) -> object:
    """Text of a secret: from its file, or with `${ENV}` expanded; as it is when no config file is read."""
    around = info.context
    if not isinstance(around, Surroundings):
        return value
    if isinstance(value, SecretFile):
        value = _read_secret(value, around)
    elif isinstance(value, str):
        value = _VARIABLE.sub(functools.partial(_variable, environ=around.environ), value)
    if isinstance(value, str) and not _is_unicode(value):
        raise ValueError("the secret is not valid UTF-8 text")
    return value


def _variable(match: re.Match[str], environ: Mapping[str, str]) -> str:
    if match[0].startswith("$$"):
        return match[0][1:]
    if match[1] is None:
        raise ValueError("expected ${NAME} of an environment variable ($${ stands for a plain ${)")
    if match[1] not in environ:
        raise ValueError(f"the environment variable {match[1]} is not set")
    return environ[match[1]]


def _secret_path(path: str, around: Surroundings) -> Path:
    """Where a secret is: a bare name is that of a credential of systemd, if there is one; else beside the config."""
    credentials = around.environ.get("CREDENTIALS_DIRECTORY", "")
    if credentials and "/" not in path and os.path.exists(found := Path(credentials) / path):  # noqa: PTH110 - pathlib raises where it may not look
        return found
    return around.folder / path


def _read_secret(file: SecretFile, around: Surroundings) -> str:
    if file.beside_literal:
        raise ValueError("given twice: as text and as a file")
    if not isinstance(file.path, str):
        raise ValueError("expected the path of a file")  # noqa: TRY004  (pydantic wants a ValueError)
    try:
        with _secret_path(file.path, around).open("rb") as stream:
            raw = stream.read(MAX_SECRET_FILE + 1)
        text = raw.decode()
    except OSError as error:
        raise ValueError(f"the file cannot be read: {error.strerror}") from None
    except ValueError:
        raise ValueError("the file cannot be read as UTF-8 text") from None
    if len(raw) > MAX_SECRET_FILE:
        raise ValueError("the file is too large for a secret")
    return text.removesuffix("\n").removesuffix("\r")


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _one_of(*names: str | int) -> WithJsonSchema:
    return WithJsonSchema({"enum": list(names)})


# No Field() in a type that is used both with and without a default: pydantic before 2.10 lets the default leak.
Text = Annotated[str, StringConstraints(strict=True), AfterValidator(_printable)]
Name = Annotated[str, StringConstraints(strict=True, min_length=1), AfterValidator(_printable)]
Flag = Annotated[bool, Strict(), BeforeValidator(scalar)]
Share = Annotated[float, Field(strict=True, ge=0, le=1), BeforeValidator(scalar)]
Duration = Annotated[
    float,
    Strict(),
    BeforeValidator(_duration),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": f"^(0|(?=.){_DURATION})$"}, {"const": 0}]}),
]
CredentialsName = Annotated[str, AfterValidator(_credentials_name)]
LabelName = Annotated[str, AfterValidator(_label_name)]
LabelValue = Annotated[Text, WithJsonSchema({"type": ["string", "number", "boolean"]})]
Labels = Annotated[dict[LabelName, LabelValue], or_empty(dict)]
Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network), WithJsonSchema({"type": "string"})]
Clock = Annotated[time, BeforeValidator(_time)]
Day = Annotated[date, BeforeValidator(_date)]
Password = Annotated[SecretStr, BeforeValidator(_secret), Field(min_length=8)]
AccountPassword = Annotated[SecretStr, BeforeValidator(_secret)]
Community = Annotated[SecretStr, BeforeValidator(_secret), Field(min_length=1)]
ZoneName = Annotated[Text, AfterValidator(_zone_name)]
HostName = Annotated[Text, AfterValidator(_host)]
ServerUrl = Annotated[Text, AfterValidator(_server_url)]
Engine = Annotated[EngineName, BeforeValidator(_choice), AfterValidator(_has_build)]
Protocol = Annotated[ProtocolName, BeforeValidator(_choice)]
UrlPath = Annotated[Text, AfterValidator(url_path), WithJsonSchema({"type": "string", "pattern": "^/"})]
CommunityVersion = Annotated[Literal["1", "2c"], BeforeValidator(_version), _one_of("1", 1, "2c", 2)]
UserVersion = Annotated[Literal["3"], BeforeValidator(_choice), _one_of("3", 3)]
UserName = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=32), AfterValidator(_printable)]
AuthProtocol = Annotated[
    Literal["MD5", "SHA", "SHA224", "SHA256", "SHA384", "SHA512"],
    BeforeValidator(_protocol),
    _one_of("MD5", "SHA", "SHA1", "SHA224", "SHA256", "SHA384", "SHA512"),
]
PrivProtocol = Annotated[
    Literal["DES", "AES128", "AES192", "AES256", "AES192C", "AES256C"],
    BeforeValidator(_protocol),
    _one_of("DES", "AES", "AES128", "AES192", "AES256", "AES192C", "AES256C"),
]
Port = Annotated[int, Field(strict=True, ge=1, le=65_535), BeforeValidator(scalar)]
Mac = Annotated[Text, AfterValidator(mac), WithJsonSchema({"type": "string", "pattern": f"^(?:{_MAC})$"})]
Url = Annotated[Text, AfterValidator(url)]
HeaderName = Annotated[str, AfterValidator(_header_name)]
HeaderSecret = Annotated[SecretStr, BeforeValidator(_secret), AfterValidator(_header_value)]
BasicAuthUser = Annotated[Name, AfterValidator(_basic_auth_user)]
ReadableFile = Annotated[Name, AfterValidator(_readable)]
Ipv4 = Annotated[Text, AfterValidator(_ipv4)]
InterfaceName = Annotated[Text, AfterValidator(_interface)]
