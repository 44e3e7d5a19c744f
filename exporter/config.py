"""YAML → validated, frozen config with a resolved inventory; every fault at once, each with its line.

    config = load(Path("config.yaml"))         # or parse(text)
    config.printers[0].credentials             # printer > printer_defaults > top level, already resolved
    python -m exporter.config --schema         # the JSON schema for editors, kept in config.schema.json

Start at `parse`: yamlsource.py reads the text, pydantic checks it against the models of the file's sections,
configfaults.py says what is wrong, and what is right becomes one `Config`. No fault quotes what a key was set to.
"""

import functools
import importlib.util
import ipaddress
import json
import os
import re
import sys
import unicodedata
import zoneinfo
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, time, tzinfo
from fnmatch import fnmatchcase
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    SecretStr,
    Strict,
    StringConstraints,
    Tag,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from exporter import yamlsource
from exporter.configfaults import NO_PRINTERS, Finding, KeysError, explained, faults, meant, meant_or_known, name_in
from exporter.configfaults import ConfigError as ConfigError  # noqa: PLC0414  (part of what this module offers)
from exporter.configfaults import Fault as Fault  # noqa: PLC0414  (as above)
from exporter.yamlsource import Plain

EngineName = Literal["auto", "gufo", "pysnmp"]

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
_WINDOW = r"([0-9]{1,2}:[0-9]{2}) ?- ?([0-9]{1,2}:[0-9]{2})"
_HOST_NAME = re.compile(r"(?=.{1,253}$)[\w-]{1,63}(\.[\w-]{1,63})*\.?")
_VARIABLE = re.compile(r"\$?\$\{(?:([A-Za-z_][A-Za-z0-9_]*)\})?")


# ---- field types: from text as written to values


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """What secrets are taken from."""

    environ: Mapping[str, str]
    folder: Path


@dataclass(frozen=True, slots=True)
class _SecretFile:
    path: object
    beside_literal: bool


def _scalar(value: object) -> object:
    return value.value if isinstance(value, Plain) else value


def _or_empty(make: Callable[[], object]) -> BeforeValidator:
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


def _within(low: str, high: str) -> AfterValidator:
    def check(value: float) -> float:
        if not seconds(low) <= value <= seconds(high):
            raise ValueError(f"must be between {low} and {high}")
        return value

    return AfterValidator(check)


def _lasting(default: str) -> Any:
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


def _window(value: object) -> object:
    if value is None or isinstance(value, DayWindow):
        return value
    match = re.fullmatch(_WINDOW, value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('expected a window such as "19:00-07:00"')
    return {"start": match[1].zfill(5), "end": match[2].zfill(5)}


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


def split_host(text: str) -> tuple[str, int]:
    """Host and port of `name`, `name:port`, `1.2.3.4:port`, `[v6]:port` or `v6`; raises ValueError."""
    match = re.fullmatch(r"\[([^\[\]]*)\](?::([0-9]{1,9}))?|([^:]*)(?::([0-9]{1,9}))?|([^\[\]]*)", text)
    if match is None:
        raise ValueError('expected a name or an address, with ":port" if need be')
    inner, inner_port, outer, outer_port, bare = match.groups()
    port = int(inner_port or outer_port or 161)
    if not 1 <= port <= 65_535:
        raise ValueError("a port is a number from 1 to 65535")
    host = next(part for part in (inner, outer, bare) if part is not None)
    _check_host(host, is_v6=outer is None)
    return host, port


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


def _host(text: str) -> str:
    split_host(text)
    return text


def _zone(name: str) -> zoneinfo.ZoneInfo | None:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _zone_name(name: str) -> str:
    if _zone(name) is None:
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
    if not isinstance(around, _Surroundings):
        return value
    if isinstance(value, _SecretFile):
        value = _read_secret(value, around.folder)
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


def _read_secret(file: _SecretFile, folder: Path) -> str:
    if file.beside_literal:
        raise ValueError("given twice: as text and as a file")
    if not isinstance(file.path, str):
        raise ValueError("expected the path of a file")  # noqa: TRY004  (pydantic wants a ValueError)
    try:
        with (folder / file.path).open("rb") as stream:
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


# No Field() in a type that is used both with and without a default: pydantic before 2.10 lets the default leak.
Text = Annotated[str, StringConstraints(strict=True), AfterValidator(_printable)]
Name = Annotated[str, StringConstraints(strict=True, min_length=1), AfterValidator(_printable)]
Flag = Annotated[bool, Strict(), BeforeValidator(_scalar)]
Share = Annotated[float, Field(strict=True, ge=0, le=1), BeforeValidator(_scalar)]
Duration = Annotated[
    float,
    Strict(),
    BeforeValidator(_duration),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": f"^(0|(?=.){_DURATION})$"}, {"const": 0}]}),
]
CredentialsName = Annotated[str, AfterValidator(_credentials_name)]
LabelName = Annotated[str, AfterValidator(_label_name)]
LabelValue = Annotated[Text, WithJsonSchema({"type": ["string", "number", "boolean"]})]
Labels = Annotated[dict[LabelName, LabelValue], _or_empty(dict)]
Network = Annotated[IPv4Network | IPv6Network, BeforeValidator(_network), WithJsonSchema({"type": "string"})]
Clock = Annotated[time, BeforeValidator(_time)]
Day = Annotated[date, BeforeValidator(_date)]
Password = Annotated[SecretStr, BeforeValidator(_secret), Field(min_length=8)]
Community = Annotated[SecretStr, BeforeValidator(_secret), Field(min_length=1)]
ZoneName = Annotated[Text, AfterValidator(_zone_name)]
HostName = Annotated[Text, AfterValidator(_host)]


def _one_of(*names: str | int) -> WithJsonSchema:
    return WithJsonSchema({"enum": list(names)})


# ---- the file's sections


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, use_attribute_docstrings=True)


class Thresholds(_Model):
    """Remaining supply, as a share, below which a supply is a warning or an error."""

    warning: Share = 0.20
    error: Share = 0.10

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.error > self.warning:
            raise KeysError("error must not be above warning", "error", "warning")
        return self


def _whole(thresholds: Thresholds, info: ValidationInfo) -> Thresholds:
    """An override gives both shares, so that nobody has to know what the other one would be."""
    if info.context is not None and len(thresholds.model_fields_set) < len(Thresholds.model_fields):
        raise ValueError("give both warning and error")
    return thresholds


Override = Annotated[Thresholds, AfterValidator(_whole)]


class DayWindow(_Model):
    """A daily time window in the configured zone; it crosses midnight when it ends before it starts."""

    start: Clock
    end: Clock

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.start == self.end:
            raise ValueError("the window is empty: it starts when it ends")
        return self


class ExpectedOff(_Model):
    """When a silent printer is switched off rather than dead."""

    nights: Annotated[
        DayWindow | None,
        BeforeValidator(_window),
        WithJsonSchema({"type": "string", "pattern": f"^{_WINDOW}$"}),
    ] = None
    """Daily, for example "19:00-07:00"."""
    weekends: Flag = False
    """Saturdays and Sundays, all day."""
    dates: Annotated[tuple[Day, ...], _or_empty(tuple)] = ()
    """Whole days, for example 2026-12-24."""
    grace: Annotated[Duration, _within("0", "1d")] = _lasting("2h")
    """How long after the window a printer may stay silent."""

    @model_validator(mode="after")
    def _says_when(self) -> Self:
        if self.nights is None and not self.weekends and not self.dates:
            raise ValueError("give nights, weekends or dates")
        return self


class SupplyMatch(_Model):
    """Shell patterns, upper or lower case alike; all that are given must match."""

    kind: Text | None = None
    color: Text | None = None
    description: Text | None = None
    supply: Text | None = None

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if all(value is None for _, value in self):
            raise ValueError("give kind, color, description or supply")
        return self

    def matches(self, *, kind: str, color: str, description: str, supply: str) -> bool:
        """Whether every pattern given fits."""
        given = {"kind": kind, "color": color, "description": description, "supply": supply}
        patterns = self.model_dump(exclude_none=True)
        return all(fnmatchcase(given[key].casefold(), pattern.casefold()) for key, pattern in patterns.items())


class SupplyRule(_Model):
    """What is different about the supplies that match; the first rule that matches counts."""

    match: SupplyMatch
    ignore: Flag = False
    """Leave these supplies out."""
    invert: Flag = False
    """The device reports how full they are, not how much is left."""
    thresholds: Override | None = None

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not (self.ignore or self.invert or self.thresholds):
            raise ValueError("the rule does nothing: give ignore, invert or thresholds")
        return self


Rules = Annotated[tuple[SupplyRule, ...], _or_empty(tuple)]


class LocationRule(_Model):
    """Where a device is whose own entry does not say: the first network that holds its address."""

    network: Network
    location: Name
    labels: Labels = Field(default_factory=dict)


class Polling(_Model):
    """When printers are asked, and for how long."""

    timeout: Annotated[Duration, _within("1ms", "1m")] = _lasting("2s")
    """One SNMP request."""
    retries: Annotated[int, Field(strict=True, ge=0, le=10), BeforeValidator(_scalar)] = 1
    """More attempts after a request timed out."""
    min_interval: Annotated[Duration, _within("0", "1d")] = _lasting("25s")
    """A scrape sooner than this after the last cycle began gets that cycle's result."""
    deadline: Annotated[Duration, _within("1ms", "1h")] = _lasting("20s")
    """A cycle ends then; a scrape's own timeout can shorten it."""
    poll_limit: Annotated[Duration, _within("1ms", "1h")] = _lasting("60s")
    """A poll that still runs then is given up."""
    idle_interval: Annotated[Duration, _within("1s", "1d")] = _lasting("5m")
    """When nobody has scraped for so long, a cycle begins by itself."""
    concurrency: Annotated[int, Field(strict=True, ge=4, le=4096), BeforeValidator(_scalar)] = 256
    """Printers asked at the same time."""
    offline_after: Annotated[int, Field(strict=True, ge=1, le=1000), BeforeValidator(_scalar)] = 3
    """Failed polls in a row that make a printer offline."""
    retain: Annotated[Duration, _within("0", "10y")] = _lasting("7d")
    """How long a silent printer's lasting values stay on /metrics."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.deadline > self.poll_limit:
            raise KeysError("deadline must not be above poll_limit", "deadline", "poll_limit")
        return self


def _secret_or_file(schema: dict[str, Any], model: type["_HasSecret"]) -> None:
    """Let editors accept the `…_file` key, and want exactly one of the two."""
    key = model.literal_key
    schema["properties"][f"{key}_file"] = {"type": "string", "description": f"File that holds the {key}."}
    schema["required"].remove(key)
    schema["oneOf"] = [{"required": [key]}, {"required": [f"{key}_file"]}]


class _HasSecret(_Model):
    """A section whose `literal_key` may be given as `…_file` instead."""

    model_config = ConfigDict(json_schema_extra=_secret_or_file)
    literal_key: ClassVar[str] = "password"

    @model_validator(mode="before")
    @classmethod
    def _from_file(cls, data: object) -> object:
        key = f"{cls.literal_key}_file"
        if not isinstance(data, yamlsource.Mapping) or key not in data:
            return data
        rest: dict[str, object] = {name: value for name, value in data.items() if name != key}
        return rest | {cls.literal_key: _SecretFile(data[key], beside_literal=cls.literal_key in data)}


class AuthKey(_HasSecret):
    """How an SNMPv3 user proves who it is."""

    protocol: Annotated[
        Literal["MD5", "SHA", "SHA224", "SHA256", "SHA384", "SHA512"],
        BeforeValidator(_protocol),
        _one_of("MD5", "SHA", "SHA1", "SHA224", "SHA256", "SHA384", "SHA512"),
    ]
    password: Password


class PrivKey(_HasSecret):
    """How an SNMPv3 user encrypts; …C is the key expansion that Cisco and several printer makers use."""

    protocol: Annotated[
        Literal["DES", "AES128", "AES192", "AES256", "AES192C", "AES256C"],
        BeforeValidator(_protocol),
        _one_of("DES", "AES", "AES128", "AES192", "AES256", "AES192C", "AES256C"),
    ]
    password: Password


class CommunityCredentials(_HasSecret):
    """SNMPv1 or v2c."""

    literal_key: ClassVar[str] = "community"

    version: Annotated[Literal["1", "2c"], BeforeValidator(_version), _one_of("1", 1, "2c", 2)]
    community: Community


class UserCredentials(_Model):
    """SNMPv3."""

    version: Annotated[Literal["3"], BeforeValidator(_choice), _one_of("3", 3)]
    user: Annotated[str, StringConstraints(strict=True, min_length=1, max_length=32), AfterValidator(_printable)]
    context: Text = ""
    auth: AuthKey | None = None
    priv: PrivKey | None = None

    @model_validator(mode="after")
    def _authenticated(self) -> Self:
        if self.priv and not self.auth:
            raise KeysError("priv needs auth beside it", "priv")
        return self


Credentials = CommunityCredentials | UserCredentials


def _tag(value: object) -> str | None:
    version = value.get("version") if isinstance(value, Mapping) else getattr(value, "version", None)
    return {"1": "<community>", "2": "<community>", "2c": "<community>", "3": "<user>"}.get(str(version))


_AnyCredentials = Annotated[
    Annotated[CommunityCredentials, Tag("<community>")] | Annotated[UserCredentials, Tag("<user>")],
    Discriminator(_tag, custom_error_type="version", custom_error_message="no version"),
]


def _public() -> dict[str, Credentials]:
    return {"default": CommunityCredentials(version="2c", community=SecretStr("public"))}


def _or_public(value: object) -> object:
    return _public() if value is None or value == {} else value


class Snmp(_Model):
    """How printers are asked."""

    engine: Annotated[EngineName, BeforeValidator(_choice), AfterValidator(_has_build)] = "auto"
    credentials: Annotated[dict[CredentialsName, _AnyCredentials], BeforeValidator(_or_public)] = Field(
        default_factory=_public
    )
    """By name; without any there is `default`: version 2c, community public."""


class PrinterOptions(_Model):
    """What can be said of one printer, or of all of them."""

    location: Name | None = None
    credentials: Name = "default"
    """A name from snmp.credentials."""
    labels: Labels = Field(default_factory=dict)
    """Extra labels on every series of the printer."""
    interval: Annotated[Duration, _within("0", "30d")] = _lasting("0")
    """Ask less often than every cycle."""
    maintenance: Flag | None = None
    """Asked and shown, but no alert fires."""
    accept_other_address: Flag = False
    """Take answers that come from another address than the one asked; opens a door to forged ones."""
    expected_off: ExpectedOff | None = None
    supplies: Rules = ()
    thresholds: Override | None = None


class PrinterEntry(PrinterOptions):
    """One printer."""

    name: Name
    """The `printer` label; unique."""
    host: HostName
    """Name or address, with :port when it is not 161."""


def _listed(value: object) -> object:
    if value is None:
        raise ValueError(NO_PRINTERS)
    return value


class ConfigFile(_Model):
    """The whole file."""

    time_zone: ZoneName | None = None
    """IANA name; the system's when absent."""
    polling: Annotated[Polling, _or_empty(dict)] = Field(default_factory=Polling)
    thresholds: Annotated[Thresholds, _or_empty(dict)] = Field(default_factory=Thresholds)
    locations: Annotated[tuple[LocationRule, ...], _or_empty(tuple)] = ()
    snmp: Annotated[Snmp, _or_empty(dict)] = Field(default_factory=Snmp)
    printer_defaults: Annotated[PrinterOptions, _or_empty(dict)] = Field(default_factory=PrinterOptions)
    """Options of all printers that do not say otherwise."""
    printers: Annotated[tuple[PrinterEntry, ...], BeforeValidator(_listed)]
    supplies: Rules = ()
    """Rules for all printers, after their own."""


# ---- what the rest of the exporter sees


@dataclass(frozen=True, slots=True)
class Printer:
    """One entry of the inventory, with everything inherited filled in."""

    name: str
    host: str
    port: int
    credentials: Credentials
    location: str | None = None
    labels: tuple[tuple[str, str], ...] = ()
    interval: float = 0.0
    maintenance: bool | None = None
    expected_off: ExpectedOff | None = None
    supplies: tuple[SupplyRule, ...] = ()
    thresholds: Thresholds = field(default_factory=Thresholds)
    accept_other_address: bool = False


@dataclass(frozen=True, slots=True)
class Config:
    """A config that was checked as a whole."""

    zone: tzinfo
    polling: Polling
    engine: EngineName
    locations: tuple[LocationRule, ...]
    printers: tuple[Printer, ...]

    def locate(self, address: str) -> LocationRule | None:
        """The first rule whose network holds the address; None for what is no address."""
        try:
            wanted = ipaddress.ip_address(address)
        except ValueError:
            return None
        return next((rule for rule in self.locations if wanted in rule.network), None)


def load(path: Path, environ: Mapping[str, str] = os.environ) -> Config:
    """Read a config file; raises ConfigError. Secret files are looked up beside it."""
    try:
        text = path.read_bytes().decode()
    except UnicodeDecodeError as error:
        fault = Fault(str(path), error.object.count(b"\n", 0, error.start) + 1, "", "not UTF-8 text")
    except (OSError, ValueError) as error:
        fault = Fault(str(path), 0, "", f"cannot be read: {getattr(error, 'strerror', None) or 'bad path'}")
    else:
        return parse(text, str(path), environ, path.parent)
    raise ConfigError((fault,))


def parse(
    text: str,
    source: str = "config.yaml",
    environ: Mapping[str, str] = os.environ,
    folder: Path = Path(),
) -> Config:
    """Check the text of a config; raises ConfigError with all faults."""
    try:
        document = yamlsource.read(text)
    except yamlsource.YamlError as error:
        raise ConfigError((Fault(source, error.line, "", error.message),)) from None
    file, findings = _validated(document, _Surroundings(environ, folder))
    findings += [*_repeated(document), *_twins(document), *_unknown_credentials(document)]
    if file is None or findings:
        # Raised outside of any `except`: pydantic's own error knows the input, secrets included.
        raise ConfigError(faults(findings, document, source, _schema()))
    return _resolved(file, environ)


def _validated(document: yamlsource.Document, around: _Surroundings) -> tuple[ConfigFile | None, list[Finding]]:
    try:
        return ConfigFile.model_validate(document.data, context=around), []
    except ValidationError as error:
        return None, explained(error, document, _schema())


def _resolved(file: ConfigFile, environ: Mapping[str, str]) -> Config:
    return Config(
        zone=zoneinfo.ZoneInfo(file.time_zone) if file.time_zone else system_zone(environ),
        polling=file.polling,
        engine=file.snmp.engine,
        locations=file.locations,
        printers=tuple(_printer(entry, file) for entry in file.printers),
    )


def _printer(entry: PrinterEntry, file: ConfigFile) -> Printer:
    defaults = file.printer_defaults

    def source(key: str) -> PrinterOptions:
        return entry if key in entry.model_fields_set else defaults

    host, port = split_host(entry.host)
    return Printer(
        name=entry.name,
        host=host,
        port=port,
        credentials=file.snmp.credentials[source("credentials").credentials],
        location=source("location").location,
        labels=tuple({**defaults.labels, **entry.labels}.items()),
        interval=source("interval").interval,
        maintenance=source("maintenance").maintenance,
        expected_off=source("expected_off").expected_off,
        supplies=(*entry.supplies, *defaults.supplies, *file.supplies),
        thresholds=source("thresholds").thresholds or file.thresholds,
        accept_other_address=source("accept_other_address").accept_other_address,
    )


def system_zone(environ: Mapping[str, str], localtime: Path = Path("/etc/localtime")) -> tzinfo:
    """The zone of this machine: $TZ, else /etc/localtime, else UTC."""
    linked = str(localtime.resolve()).rpartition("zoneinfo/")[2]
    if named := _zone(environ.get("TZ", "").removeprefix(":")) or _zone(linked):
        return named
    try:
        with localtime.open("rb") as stream:
            return zoneinfo.ZoneInfo.from_file(stream, key="localtime")
    except (OSError, ValueError):
        return UTC


# ---- faults that only the file as a whole shows, found whether or not the rest of it is good


def _repeated(document: yamlsource.Document) -> Iterator[Finding]:
    for again in document.repeated:
        yield Finding(again.path, f"the same key stands in line {again.first}", again.line)


def _twins(document: yamlsource.Document) -> Iterator[Finding]:
    """Printers whose name, or whose host and port, an earlier one has."""
    first: dict[object, yamlsource.Path] = {}
    for path, entry in _entries(document):
        for key, what in (("name", "name"), ("host", "host and port")):
            value = entry.get(key)
            if not isinstance(value, str):
                continue
            identity = _endpoint(value) if key == "host" else value
            place = (*path, key)
            if identity is not None and (other := first.setdefault((key, identity), place)) != place:
                yield Finding(place, f"the printer in line {document.line(other)} has the same {what}")


def _endpoint(host: str) -> tuple[str, int] | None:
    """What two spellings of one host and port share."""
    try:
        name, port = split_host(host)
    except ValueError:
        return None
    try:
        return str(ipaddress.ip_address(name)), port
    except ValueError:
        return name.rstrip(".").casefold(), port


def _unknown_credentials(document: yamlsource.Document) -> Iterator[Finding]:
    """Names that snmp.credentials lacks, `default` included where a printer falls back on it."""
    section = _section(_section(document.data, "snmp"), "credentials")
    known = [name for name in section or ("default",) if name == name_in(name)]
    shared = _section(document.data, "printer_defaults")
    for path, options in ((("printer_defaults",), shared), *_entries(document)):
        name = options.get("credentials")
        if isinstance(name, str) and name not in known:
            yield Finding((*path, "credentials"), f"no such name in snmp.credentials{meant_or_known(name, known)}")
    nameless = (path for path, entry in _entries(document) if "credentials" not in {*entry, *shared})
    if "default" not in known and (first := next(nameless, None)):
        message = f'no "default" here, but the printer in line {document.line(first)} names no other'
        yield Finding(("snmp", "credentials"), message)


def _entries(document: yamlsource.Document) -> Iterator[tuple[yamlsource.Path, yamlsource.Mapping]]:
    """Printers as written."""
    printers = document.data.get("printers")
    for index, entry in enumerate(printers if isinstance(printers, list) else ()):
        if isinstance(entry, yamlsource.Mapping):
            yield ("printers", index), entry


def _section(within: yamlsource.Mapping, key: str) -> yamlsource.Mapping:
    """The keys and values below a key; empty where it has none."""
    value = within.get(key)
    return value if isinstance(value, yamlsource.Mapping) else yamlsource.Mapping()


# ---- JSON schema


def json_schema() -> dict[str, Any]:
    """The file's JSON schema, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | ConfigFile.model_json_schema()


_schema = functools.cache(json_schema)


if __name__ == "__main__" and sys.argv[1:] == ["--schema"]:
    sys.stdout.write(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")
