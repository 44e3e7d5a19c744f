"""YAML → validated, frozen config with a resolved inventory; every fault at once, each with its line.

    config = load(Path("config.yaml"))         # or parse(text)
    config.printers[0].credentials             # printer > printer_defaults > top level, already resolved
    python -m exporter.config --schema         # the JSON schema for editors, kept in config.schema.json

Start at `parse`: yamlsource.py reads the text, pydantic checks it against the models of the file's sections, whose
field types are those of configtypes.py, configfaults.py says what is wrong, and what is right becomes one `Config`.
No fault quotes what a key was set to.
"""

import functools
import ipaddress
import json
import os
import re
import stat
import sys
import zoneinfo
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, tzinfo
from fnmatch import fnmatchcase
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    SecretStr,
    Tag,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)

from exporter import yamlsource
from exporter.configfaults import ConfigError as ConfigError  # noqa: PLC0414  (part of what this module offers)
from exporter.configfaults import Fault as Fault  # noqa: PLC0414  (as above)
from exporter.configfaults import Finding, KeysError, explained, faults, meant_or_known, name_in
from exporter.configtypes import (
    DEFAULT_PORTS,
    AccountPassword,
    AuthProtocol,
    BasicAuthUser,
    Clock,
    Community,
    CommunityVersion,
    CredentialsName,
    Day,
    Duration,
    Engine,
    Flag,
    HeaderName,
    HeaderSecret,
    HostName,
    InterfaceName,
    Ipv4,
    Labels,
    Mac,
    Name,
    Network,
    Password,
    Port,
    PrivProtocol,
    Protocol,
    ReadableFile,
    SecretFile,
    Section,
    ServerUrl,
    Share,
    Surroundings,
    Text,
    Url,
    UrlPath,
    UserName,
    UserVersion,
    ZoneName,
    bracketed,
    lasting,
    mac,
    or_empty,
    plain_host,
    scalar,
    seconds,
    server_url,
    within,
    zone,
)
from exporter.configtypes import EngineName as EngineName  # noqa: PLC0414  (as above)
from exporter.configtypes import ProtocolName as ProtocolName  # noqa: PLC0414  (as above)
from exporter.configtypes import split_host as split_host  # noqa: PLC0414  (as above)

UNASSIGNED: Final = "Unassigned"
"""The location of devices that have none."""

NOTHING_TO_WATCH: Final = (
    'neither printers nor cameras: list printers under "printers:" ([] when there are none yet) or in files under'
    ' "printers_files:", or write "cameras:" to search for cameras'
)

PUBLIC: Final = "public"
"""The community that printers come with."""

_VARIABLE_ALONE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")
_NAMED = 20  # printers that a remark names

_UNIQUE = {"name": "name", "mac": "MAC address", "url": "url"}  # keys → what no two devices share

_IPP = ("ipp", "ipps")
_SNMP_ONLY = ("credentials", "device", "accept_other_address")
_IPP_ONLY = ("ipp_path",)

_Entry: TypeAlias = tuple[yamlsource.Path, yamlsource.Mapping]

_WINDOW = r"([0-9]{1,2}:[0-9]{2}) ?- ?([0-9]{1,2}:[0-9]{2})"

# ---- the file's sections


class Thresholds(Section):
    """Remaining supply, as a share, below which a supply is a warning or an error."""

    warning: Share = 0.20
    """Less than this is a warning."""
    error: Share = 0.10
    """Less than this is an error."""

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


class DayWindow(Section):
    """A daily time window in the configured zone; it crosses midnight when it ends before it starts."""

    start: Clock
    end: Clock

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.start == self.end:
            raise ValueError("the window is empty: it starts when it ends")
        return self


def _window(value: object) -> object:
    if value is None or isinstance(value, DayWindow):
        return value
    match = re.fullmatch(_WINDOW, value) if isinstance(value, str) else None
    if match is None:
        raise ValueError('expected a window such as "19:00-07:00"')
    return {"start": match[1].zfill(5), "end": match[2].zfill(5)}


class ExpectedOff(Section):
    """When a silent printer is switched off rather than dead."""

    nights: Annotated[
        DayWindow | None,
        BeforeValidator(_window),
        WithJsonSchema({"type": "string", "pattern": f"^{_WINDOW}$"}),
    ] = None
    """Daily, for example "19:00-07:00"."""
    weekends: Flag = False
    """Saturdays and Sundays, all day."""
    dates: Annotated[tuple[Day, ...], or_empty(tuple)] = ()
    """Whole days, for example 2026-12-24."""
    grace: Annotated[Duration, within("0", "1d")] = lasting("2h")
    """How long after the window a printer may stay silent."""

    @model_validator(mode="after")
    def _says_when(self) -> Self:
        if self.nights is None and not self.weekends and not self.dates:
            raise ValueError("give nights, weekends or dates")
        return self


class SupplyMatch(Section):
    """Shell patterns, upper or lower case alike; all that are given must match."""

    kind: Text | None = None
    """Such as toner, ink, drum, waste_toner, fuser."""
    color: Text | None = None
    """Such as black, cyan."""
    description: Text | None = None
    """The printer's own words."""
    supply: Text | None = None
    """The `supply` label, such as Black toner."""

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


class SupplyRule(Section):
    """What is different about the supplies that match; the first rule that matches counts."""

    match: SupplyMatch
    """Which supplies."""
    ignore: Flag = False
    """Leave these supplies out."""
    invert: Flag = False
    """The device reports how full they are, not how much is left."""
    thresholds: Override | None = None
    """In place of those of the printer; both shares are given."""

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not (self.ignore or self.invert or self.thresholds):
            raise ValueError("the rule does nothing: give ignore, invert or thresholds")
        return self


Rules = Annotated[tuple[SupplyRule, ...], or_empty(tuple)]


class LocationRule(Section):
    """Where a device is whose own entry does not say: the first network that holds its address."""

    network: Network
    """Such as 10.10.5.0/24."""
    location: Name
    """The `location` label."""
    labels: Labels = Field(default_factory=dict)
    """Extra labels on every series of its devices; a device's own come first."""


class Polling(Section):
    """When printers are asked, and for how long."""

    timeout: Annotated[Duration, within("1ms", "1m")] = lasting("2s")
    """One request; over IPP with the connection for it."""
    retries: Annotated[int, Field(strict=True, ge=0, le=10), BeforeValidator(scalar)] = 1
    """More attempts after a request timed out."""
    min_interval: Annotated[Duration, within("0", "1d")] = lasting("25s")
    """A scrape sooner than this after the last cycle began gets that cycle's result."""
    deadline: Annotated[Duration, within("1ms", "1h")] = lasting("20s")
    """A cycle ends then; a scrape's own timeout can shorten it."""
    poll_limit: Annotated[Duration, within("1ms", "1h")] = lasting("60s")
    """A poll that still runs then is given up."""
    idle_interval: Annotated[Duration, within("1s", "1d")] = lasting("5m")
    """When nobody has scraped for so long, a cycle begins by itself."""
    concurrency: Annotated[int, Field(strict=True, ge=4, le=4096), BeforeValidator(scalar)] = 256
    """Printers asked at the same time."""
    offline_after: Annotated[int, Field(strict=True, ge=1, le=1000), BeforeValidator(scalar)] = 3
    """Failed polls in a row that make a printer offline."""
    retain: Annotated[Duration, within("0", "10y")] = lasting("7d")
    """How long a silent printer's lasting values stay on /metrics."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.deadline > self.poll_limit:
            raise KeysError("deadline must not be above poll_limit", "deadline", "poll_limit")
        return self


def _secret_or_file(schema: dict[str, Any], model: type["_HasSecret"]) -> None:
    """Let editors accept the `…_file` key, and want one of the two; neither where there need not be a secret."""
    key = model.literal_key
    schema["properties"][f"{key}_file"] = {"type": "string", "description": f"File that holds the {key}."}
    if key in schema["required"]:
        schema["required"].remove(key)
        schema["oneOf"] = [{"required": [key]}, {"required": [f"{key}_file"]}]
    else:
        schema["not"] = {"required": [key, f"{key}_file"]}


class _HasSecret(Section):
    """A section whose `literal_key` may be given as `…_file` instead."""

    model_config = ConfigDict(json_schema_extra=_secret_or_file)
    literal_key: ClassVar[str] = "password"

    @model_validator(mode="before")
    @classmethod
    def _from_file(cls, data: object) -> object:
        return _with_file(data, cls.literal_key)


def _with_file(data: object, literal_key: str) -> object:
    """The section with the secret of this key in its place where it is given as `…_file`."""
    key = f"{literal_key}_file"
    if not isinstance(data, Mapping) or key not in data:
        return data
    rest: dict[str, object] = {name: value for name, value in data.items() if name != key}
    return rest | {literal_key: SecretFile(data[key], beside_literal=literal_key in data)}


class AuthKey(_HasSecret):
    """How an SNMPv3 user proves who it is."""

    protocol: AuthProtocol
    """SHA1 and SHA-256 are understood too."""
    password: Password
    """At least 8 characters."""


class PrivKey(_HasSecret):
    """How an SNMPv3 user encrypts; …C is the key expansion that Cisco and several printer makers use."""

    protocol: PrivProtocol
    """AES is AES128."""
    password: Password
    """At least 8 characters."""


class CommunityCredentials(_HasSecret):
    """SNMPv1 or v2c."""

    literal_key: ClassVar[str] = "community"

    version: CommunityVersion
    """A printer that ignores 2c is tried as 1 by itself."""
    community: Community
    """A secret that is sent in clear text."""


class UserCredentials(Section):
    """SNMPv3."""

    version: UserVersion
    """The version of SNMP."""
    user: UserName
    """1 to 32 characters."""
    context: Text = ""
    """Where the printer shows itself; one that hides in a well-known context is found without."""
    auth: AuthKey | None = None
    """Left out where the user has no password."""
    priv: PrivKey | None = None
    """Left out where nothing is encrypted; needs auth."""

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
    return {"default": CommunityCredentials(version="2c", community=SecretStr(PUBLIC))}


def _or_public(value: object) -> object:
    return _public() if value is None or value == {} else value


class Snmp(Section):
    """How printers are asked."""

    engine: Engine = "auto"
    """auto takes the fast one, gufo, wherever it can do what a printer needs."""
    credentials: Annotated[dict[CredentialsName, _AnyCredentials], BeforeValidator(_or_public)] = Field(
        default_factory=_public
    )
    """By name; without any there is `default`: version 2c, community public."""


class PrinterOptions(Section):
    """What can be said of one printer, or of all of them."""

    location: Name | None = None
    """The `location` label, in place of that of its network."""
    protocol: Protocol = "snmp"
    """ipp and ipps, which is IPP over TLS, for printers without SNMP: a connection wakes a printer that sleeps."""
    ipp_path: UrlPath | None = None
    """Where it is over IPP, such as /ipp/port1; /ipp/print, /ipp and / are tried without."""
    credentials: Name = "default"
    """A name from snmp.credentials."""
    labels: Labels = Field(default_factory=dict)
    """Extra labels on every series of the printer."""
    interval: Annotated[Duration, within("0", "30d")] = lasting("0")
    """Ask less often than every cycle."""
    maintenance: Flag | None = None
    """Asked and shown, but no alert fires."""
    accept_other_address: Flag = False
    """Take answers that come from another address than the one asked; opens a door to forged ones."""
    expected_off: ExpectedOff | None = None
    """When its silence means that it is switched off."""
    supplies: Rules = ()
    """Rules for its supplies; the first that matches counts."""
    thresholds: Override | None = None
    """In place of those of all printers; both shares are given."""


class PrinterEntry(PrinterOptions):
    """One printer."""

    name: Name
    """The `printer` label; unique."""
    host: HostName
    """Name or address, with :port when it is not 161, or 631 over IPP."""
    device: Annotated[int, Field(strict=True, ge=0), BeforeValidator(scalar)] | None = None
    """hrDeviceIndex of one of several printers behind one address; found by itself when absent."""


class StateFile(Section):
    """Where the exporter keeps what survives a restart."""

    path: Name = "printcam.db"
    """SQLite file, relative to the working directory; ":memory:" keeps nothing."""


class AuditFile(Section):
    """Where every change of the inventory is written down."""

    path: Name
    """A line of JSON for each change is appended to it; relative to the working directory."""


class PrintServer(_HasSecret):
    """A print server whose printers join the inventory."""

    url: ServerUrl
    """Unique: windows://HOST for one of Windows or Samba, ipp://HOST or ipps://HOST for CUPS, with :port if need be."""
    location: Name | None = None
    """The `location` label of its printers that have none of their own, nor of their network."""
    interval: Annotated[Duration, within("1m", "1d")] = lasting("15m")
    """How often it is asked."""
    user: Text = ""
    """NAME, or DOMAIN\\NAME on Windows; without one it is asked as nobody."""
    password: AccountPassword | None = None
    """Needs user."""
    verify: Flag = True
    """false: ipps:// takes any certificate."""

    @model_validator(mode="after")
    def _belongs_together(self) -> Self:
        scheme, _, _ = server_url(self.url)
        if bool(self.user) != (self.password is not None):
            raise KeysError("user and password are given together", "user", "password", "password_file")
        if ":" in self.user and scheme != "windows":
            raise KeysError("a user of CUPS has no : in its name", "user")
        if not self.verify and scheme != "ipps":
            raise KeysError("only ipps:// has a certificate", "verify")
        return self


class Discovery(Section):
    """Printers that others tell of."""

    print_servers: Annotated[tuple[PrintServer, ...], or_empty(tuple)] = ()
    """Where two of them differ on a printer, the first one counts."""
    forget_after: Annotated[Duration, within("0", "10y")] = lasting("7d")
    """A printer of which its print server no longer tells is dropped after so long."""


class CameraSearch(Section):
    """How cameras are searched for."""

    interfaces: Annotated[tuple[InterfaceName, ...], or_empty(tuple)] = ()
    """Names or IPv4 addresses; every interface that can broadcast when there are none."""
    targets: Annotated[tuple[Ipv4, ...], or_empty(tuple)] = ()
    """Extra broadcast or unicast addresses."""
    listen_port: Port = 10_669
    """UDP port on which cameras are heard."""
    device_port: Port = 10_670
    """UDP port on which cameras listen."""
    attempts: Annotated[int, Field(strict=True, ge=1, le=10), BeforeValidator(scalar)] = 3
    """Search datagrams in a cycle, spread over the window; fewer once all expected cameras have answered."""
    window: Annotated[Duration, within("100ms", "30s")] = lasting("2s")
    """How long one search waits for answers; at most polling.deadline."""

    @model_validator(mode="after")
    def _two_ports(self) -> Self:
        if self.listen_port == self.device_port:
            raise KeysError("listen_port and device_port must differ", "listen_port", "device_port")
        return self


class KnownCamera(Section):
    """A camera that ought to be there, found or not."""

    mac: Mac
    """Unique; with : or -, or as 0200.5e10.0001."""
    name: Name | None = None
    """The `camera` label, in place of the name that the camera gives itself; unique."""
    location: Name | None = None
    """The `location` label, in place of that of its network."""
    labels: Labels = Field(default_factory=dict)
    """Extra labels on every series of the camera."""


class Cameras(Section):
    """Cameras and recorders that speak Easy IP."""

    enabled: Flag = True
    """false: nothing is searched for, as without the section."""
    search: Annotated[CameraSearch, or_empty(dict)] = Field(default_factory=CameraSearch)
    """How they are searched for."""
    offline_after: Annotated[int, Field(strict=True, ge=1, le=1000), BeforeValidator(scalar)] = 2
    """Searches missed in a row that make a camera offline."""
    missing_after: Annotated[Duration, within("1m", "10y")] = lasting("24h")
    """A camera unseen for so long is missing."""
    ip_changed_for: Annotated[Duration, within("0", "10y")] = lasting("24h")
    """How long a changed address shows as ip_changed."""
    blind_after: Annotated[Duration, within("0", "30d")] = lasting("10m")
    """A segment blind for so long makes its cameras unknown."""
    forget_after: Annotated[Duration, within("1h", "10y")] = lasting("90d")
    """A camera that is not listed and unseen for so long is dropped."""
    known: Annotated[tuple[KnownCamera, ...], or_empty(tuple)] = ()
    """Cameras that ought to be there; others are found too."""

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.forget_after < self.missing_after:
            raise KeysError("forget_after must not be below missing_after", "forget_after", "missing_after")
        return self


def _no_cameras() -> Cameras:
    return Cameras(enabled=False)


class Probe(Section):
    """What `/probe` may ask beside the inventory, with the options of printer_defaults."""

    allow: Annotated[tuple[Network, ...], or_empty(tuple)] = ()
    """Networks of hosts that are not listed; none by default."""


def _files_of_secrets(schema: dict[str, Any]) -> None:
    """Let editors accept the `…_file` keys of secrets that may be left out."""
    for key in _PROMETHEUS_SECRETS:
        schema["properties"][f"{key}_file"] = {"type": "string", "description": f"File that holds the {key}."}


_PROMETHEUS_SECRETS = ("password", "bearer_token")
_TENANT = "x-scope-orgid"
"""The header that names a tenant, which is no secret."""


class Prometheus(Section):
    """Whom reports and the status page ask for history and forecasts: Prometheus, Thanos, Mimir, VictoriaMetrics."""

    model_config = ConfigDict(json_schema_extra=_files_of_secrets)

    url: Url
    """Such as http://localhost:9090, with the prefix of its API where there is one: …/prometheus of a Mimir."""
    user: BasicAuthUser | None = None
    """For HTTP basic authentication; needs a password."""
    password: Community | None = None
    """Of the user."""
    bearer_token: HeaderSecret | None = None
    """In place of user and password."""
    ca_file: ReadableFile | None = None
    """PEM file with who signs its certificate, in place of the system's."""
    headers: Annotated[dict[HeaderName, HeaderSecret], or_empty(dict)] = Field(default_factory=dict)
    """HTTP headers that are sent along, such as X-Scope-OrgID with the tenant of a Mimir."""

    @model_validator(mode="before")
    @classmethod
    def _from_files(cls, data: object) -> object:
        return functools.reduce(_with_file, _PROMETHEUS_SECRETS, data)

    @model_validator(mode="after")
    def _one_way_in(self) -> Self:
        if (self.user is None) != (self.password is None):
            raise KeysError("user and password need each other", "user", "password", "password_file")
        if self.user and self.bearer_token:
            raise KeysError("give user and password, or bearer_token", "bearer_token", "bearer_token_file")
        if (self.user or self.bearer_token) and any(name.lower() == "authorization" for name in self.headers):
            raise KeysError("give an Authorization header, or user and password, or bearer_token", "headers")
        return self


class Web(Section):
    """What the status page and the JSON API may do."""

    enable_actions: Flag = False
    """Let `POST /api/…` poll printers and search for cameras at once."""


class Grafana(Section):
    """Where the dashboards are."""

    url: Url | None = None
    """Such as https://grafana.example.com; the status page then links to them."""


class ConfigFile(Section):
    """The whole file."""

    model_config = ConfigDict(
        json_schema_extra={
            "anyOf": [{"required": [key]} for key in ("printers", "printers_files", "discovery", "cameras")]
        }
    )

    time_zone: ZoneName | None = None
    """IANA name; the system's when absent."""
    polling: Annotated[Polling, or_empty(dict)] = Field(default_factory=Polling)
    """When printers are asked, and for how long."""
    thresholds: Annotated[Thresholds, or_empty(dict)] = Field(default_factory=Thresholds)
    """For all supplies that no rule and no printer sets others for."""
    locations: Annotated[tuple[LocationRule, ...], or_empty(tuple)] = ()
    """Where devices are by their address; the first network that holds it counts."""
    state: Annotated[StateFile, or_empty(dict)] = Field(default_factory=StateFile)
    """What survives a restart."""
    snmp: Annotated[Snmp, or_empty(dict)] = Field(default_factory=Snmp)
    """How printers are asked."""
    printer_defaults: Annotated[PrinterOptions, or_empty(dict)] = Field(default_factory=PrinterOptions)
    """Options of all printers that do not say otherwise."""
    printers: Annotated[tuple[PrinterEntry, ...], or_empty(tuple)] = ()
    """All printers; this, `printers_files`, `discovery` or `cameras` is needed."""
    printers_files: Annotated[tuple[Name, ...], or_empty(tuple)] = ()
    """Files with more printers, read again when they change; `*` and `**` stand for any names, and a relative path
    begins at the folder of this file."""
    discovery: Annotated[Discovery, or_empty(dict)] = Field(default_factory=Discovery)
    """Printers that print servers tell of."""
    audit: AuditFile | None = None
    """Nothing is written without this section."""
    supplies: Rules = ()
    """Rules for all printers, after their own."""
    probe: Annotated[Probe, or_empty(dict)] = Field(default_factory=Probe)
    prometheus: Prometheus | None = None
    """Whom reports and the status page ask for history and forecasts; nobody when absent."""
    web: Annotated[Web, or_empty(dict)] = Field(default_factory=Web)
    grafana: Annotated[Grafana, or_empty(dict)] = Field(default_factory=Grafana)
    cameras: Annotated[Cameras, or_empty(dict)] = Field(default_factory=_no_cameras)
    """Cameras are searched for where the file has this section, empty or not."""


# ---- what the rest of the exporter sees


@dataclass(frozen=True, slots=True)
class Origin:
    """Where an entry of the inventory comes from."""

    kind: Literal["config", "file", "print_server"] = "config"
    name: str = ""
    """The file, or the URL of the print server."""
    location: str = ""
    """Where it is, as a print server tells; for a printer of which nobody else says that."""
    vanished: float | None = None
    """Since when no print server tells of it any more, in Unix seconds; None while one does, or a person lists it."""


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
    device: int | None = None
    origin: Origin = Origin()
    protocol: ProtocolName = "snmp"
    ipp_path: str = ""
    """ "" where the usual ones are tried."""

    @property
    def spellings(self) -> frozenset[str]:
        """Its host as a person writes it: alone, and with the port."""
        return frozenset({self.host, f"{bracketed(self.host)}:{self.port}"})

    @property
    def snmp_port(self) -> int:
        """The port at which it would be found over SNMP: the usual one where it is asked over IPP."""
        return self.port if self.protocol == "snmp" else DEFAULT_PORTS["snmp"]


@dataclass(frozen=True, slots=True)
class Shared:
    """What printers take from the config where their own entries do not say."""

    defaults: PrinterOptions
    credentials: Mapping[str, Credentials]
    supplies: tuple[SupplyRule, ...]
    thresholds: Thresholds

    def printer(self, entry: PrinterEntry, origin: Origin = Origin()) -> Printer:
        """Return a printer with everything inherited filled in; its credentials are known here."""

        def source(key: str) -> PrinterOptions:
            return entry if key in entry.model_fields_set else self.defaults

        protocol = source("protocol").protocol
        host, port = split_host(entry.host, DEFAULT_PORTS[protocol])
        known = self.credentials if protocol == "snmp" else _public()  # over IPP none are sent
        credentials = source("credentials").credentials if protocol == "snmp" else "default"
        return Printer(
            name=entry.name,
            host=host,
            port=port,
            credentials=known[credentials],
            location=source("location").location,
            labels=tuple({**self.defaults.labels, **entry.labels}.items()),
            interval=source("interval").interval,
            maintenance=source("maintenance").maintenance,
            expected_off=source("expected_off").expected_off,
            supplies=(*entry.supplies, *self.defaults.supplies, *self.supplies),
            thresholds=source("thresholds").thresholds or self.thresholds,
            accept_other_address=source("accept_other_address").accept_other_address,
            device=entry.device,
            origin=origin,
            protocol=protocol,
            ipp_path=source("ipp_path").ipp_path or "",
        )


@dataclass(frozen=True, slots=True)
class Config:
    """A config that was checked as a whole."""

    zone: tzinfo
    polling: Polling
    engine: EngineName
    locations: tuple[LocationRule, ...]
    printers: tuple[Printer, ...]
    cameras: Cameras | None
    """None when they are not searched for."""
    state_path: str
    shared: Shared
    folder: Path = Path()
    """That of the file, at which `printers_files` begin."""
    printers_files: tuple[str, ...] = ()
    discovery: Discovery = field(default_factory=Discovery)
    audit_path: str | None = None
    """None when nothing is written down."""
    probe_allow: tuple[IPv4Network | IPv6Network, ...] = ()
    """Networks in which `/probe` may ask hosts that are not in the inventory."""
    unlisted: Printer | None = None
    """What holds for such hosts; name, host and port are to be filled in. None when there are none."""
    prometheus: Prometheus | None = None
    """Whom reports and the status page ask; None for nobody."""
    web: Web = field(default_factory=Web)
    grafana_url: str = ""
    """Without a slash at its end; "" when there is none."""
    secret_lines: tuple[int, ...] = ()
    """Where secrets stand in the file as such."""
    warnings: tuple[str, ...] = ()
    """What is dangerous about the file, for the log and for `check`."""

    def locate(self, address: str) -> LocationRule | None:
        """The first rule whose network holds the address; None for what is no address."""
        if not self.locations:
            return None
        try:
            wanted = ipaddress.ip_address(address)
        except ValueError:
            return None
        return next((rule for rule in self.locations if wanted in rule.network), None)

    def places(self) -> dict[str, str]:
        """Every location that it has a word for, by that in lower case."""
        having: tuple[LocationRule | Printer | PrintServer, ...] = (
            *self.locations,
            *self.printers,
            *self.discovery.print_servers,
        )
        return {each.location.casefold(): each.location for each in having if each.location}

    def place(
        self, location: str | None, labels: Mapping[str, str], address: str, told: str = ""
    ) -> tuple[str, tuple[tuple[str, str], ...]]:
        """Location and labels of a device: its own, else those of the first network that holds its address.

        `told` is the location that others tell of it, and counts where neither is given.
        """
        rule = self.locate(address)
        both = {**(rule.labels if rule else {}), **labels}
        return location or (rule.location if rule else told or UNASSIGNED), tuple(sorted(both.items()))


def load(path: Path, environ: Mapping[str, str] = os.environ) -> Config:
    """Read a config file; raises ConfigError. Secret files are looked up beside it."""
    config = parse(read_text(path), str(path), environ, path.parent)
    return replace(config, warnings=(_exposed(path, config),)) if config.secret_lines and _is_open(path) else config


def read_text(path: Path) -> str:
    """Return the text of a config file; raises ConfigError."""
    try:
        return path.read_bytes().decode()
    except UnicodeDecodeError as error:
        fault = Fault(str(path), error.object.count(b"\n", 0, error.start) + 1, "", "not UTF-8 text")
    except (OSError, ValueError) as error:
        fault = Fault(str(path), 0, "", f"cannot be read: {getattr(error, 'strerror', None) or 'bad path'}")
    raise ConfigError((fault,))


def parse(
    text: str,
    source: str = "config.yaml",
    environ: Mapping[str, str] = os.environ,
    folder: Path = Path(),
) -> Config:
    """Check the text of a config; raises ConfigError with all faults."""
    document, file = _checked(text, source, Surroundings(environ, folder))
    return replace(_resolved(file, environ, folder), secret_lines=_secret_lines(document))


def sections(
    text: str, source: str, environ: Mapping[str, str], folder: Path
) -> tuple[yamlsource.Mapping, "ConfigFile"]:
    """Return a config as it is written, and what was read from that; raises ConfigError with all faults."""
    document, file = _checked(text, source, Surroundings(environ, folder))
    return document.data, file


def _checked(text: str, source: str, around: Surroundings) -> tuple[yamlsource.Document, "ConfigFile"]:
    try:
        document = yamlsource.read(text)
    except yamlsource.YamlError as error:
        raise ConfigError((Fault(source, error.line, "", error.message),)) from None
    file, findings = _validated(document, around)
    findings += [*repeated(document), *_nothing_to_watch(document), *_late_window(document)]
    findings += [*_twins(document), *_unknown_credentials(document), *of_other_protocol(document)]
    if file is None or findings:
        # Raised outside of any `except`: pydantic's own error knows the input, secrets included.
        raise ConfigError(faults(findings, document, source, _schema()))
    return document, file


def _validated(document: yamlsource.Document, around: Surroundings) -> tuple[ConfigFile | None, list[Finding]]:
    try:
        return ConfigFile.model_validate(document.data, context=around), []
    except ValidationError as error:
        return None, explained(error, document, _schema())


def _resolved(file: ConfigFile, environ: Mapping[str, str], folder: Path) -> Config:
    shared = Shared(file.printer_defaults, file.snmp.credentials, file.supplies, file.thresholds)
    return Config(
        zone=zoneinfo.ZoneInfo(file.time_zone) if file.time_zone else system_zone(environ),
        polling=file.polling,
        engine=file.snmp.engine,
        locations=file.locations,
        printers=tuple(map(shared.printer, file.printers)),
        cameras=file.cameras if file.cameras.enabled else None,
        state_path=file.state.path,
        shared=shared,
        folder=folder,
        printers_files=file.printers_files,
        discovery=file.discovery,
        audit_path=file.audit.path if file.audit else None,
        probe_allow=file.probe.allow,
        unlisted=shared.printer(PrinterEntry(name="unlisted", host="unlisted")) if file.probe.allow else None,
        prometheus=file.prometheus,
        web=file.web,
        grafana_url=file.grafana.url or "",
    )


def system_zone(environ: Mapping[str, str], localtime: Path = Path("/etc/localtime")) -> tzinfo:
    """The zone of this machine: $TZ, else /etc/localtime, else UTC."""
    linked = str(localtime.resolve()).rpartition("zoneinfo/")[2]
    if named := zone(environ.get("TZ", "").removeprefix(":")) or zone(linked):
        return named
    try:
        with localtime.open("rb") as stream:
            return zoneinfo.ZoneInfo.from_file(stream, key="localtime")
    except (OSError, ValueError):
        return UTC


# ---- what is no fault, and worth a word


def _is_open(path: Path) -> bool:
    """Tell whether everybody on this machine can read a file; Windows does not say so in its mode."""
    try:
        return sys.platform != "win32" and bool(path.stat().st_mode & stat.S_IROTH)
    except OSError:
        return False


def _exposed(path: Path, config: Config) -> str:
    lines = ", ".join(map(str, config.secret_lines))
    return f"{path} holds secrets (line {lines}) and everybody on this machine can read it: chmod o-r"


def _secret_lines(document: yamlsource.Document) -> tuple[int, ...]:
    return tuple(sorted({document.line(place) for place in _literal_secrets(document)}))


def _literal_secrets(document: yamlsource.Document) -> Iterator[yamlsource.Path]:
    """Yield where a secret stands as such; the community that everybody knows is none."""
    for name in _section(document, "snmp", "credentials"):
        for path in (("community",), ("auth", "password"), ("priv", "password")):
            place = ("snmp", "credentials", name, *path)
            value = _at(document, *place)
            if isinstance(value, str) and value != PUBLIC and not _VARIABLE_ALONE.fullmatch(value):
                yield place
    for entry, server in _entries(document, "discovery", "print_servers"):
        password = server.get("password")
        if isinstance(password, str) and not _VARIABLE_ALONE.fullmatch(password):
            yield (*entry, "password")
    for key in _PROMETHEUS_SECRETS:
        value = _at(document, "prometheus", key)
        if isinstance(value, str) and not _VARIABLE_ALONE.fullmatch(value):
            yield "prometheus", key
    for name, value in _section(document, "prometheus", "headers").items():
        if str(name).casefold() != _TENANT and not _VARIABLE_ALONE.fullmatch(str(value)):
            yield "prometheus", "headers", str(name)


def remarks(config: Config, printers: Iterable[Printer]) -> Iterator[str]:
    """Yield what is worth knowing about a config without a fault, and about all printers, for a person."""
    yield from (f"warning: {warning}" for warning in config.warnings)
    over_snmp = (printer for printer in printers if printer.protocol == "snmp")
    public = [printer.name for printer in over_snmp if _is_public(printer.credentials)]
    if public:
        more = f" and {len(public) - _NAMED} more" if len(public) > _NAMED else ""
        yield f'asked with the community "{PUBLIC}", which everybody knows: {", ".join(public[:_NAMED])}{more}'
    yield from (
        f"{server.url} is sent its password in clear text, which ipps:// would hide"
        for server in config.discovery.print_servers
        if server.password and server.url.startswith("ipp:")
    )


def _is_public(credentials: Credentials) -> bool:
    return credentials.version != "3" and credentials.community.get_secret_value() == PUBLIC


# ---- faults that only the file as a whole shows, found whether or not the rest of it is good


def repeated(document: yamlsource.Document) -> Iterator[Finding]:
    """Yield a finding for each key that stands twice."""
    for again in document.repeated:
        yield Finding(again.path, f"the same key stands in line {again.first}", again.line)


def _nothing_to_watch(document: yamlsource.Document) -> Iterator[Finding]:
    places = (("printers",), ("printers_files",), ("discovery", "print_servers"))
    if all(_at(document, *place) is None for place in places) and not _has_cameras(document):
        yield Finding(("printers",) if "printers" in document.data else (), NOTHING_TO_WATCH)


def _has_cameras(document: yamlsource.Document) -> bool:
    return "cameras" in document.data and scalar(_at(document, "cameras", "enabled")) is not False


def _late_window(document: yamlsource.Document) -> Iterator[Finding]:
    """A search that would outlast its cycle."""
    window, deadline = ("cameras", "search", "window"), ("polling", "deadline")
    late = _seconds_at(document, window, CameraSearch().window) > _seconds_at(document, deadline, Polling().deadline)
    if late and _has_cameras(document):
        place = window if document.has(window) else deadline
        yield Finding(place, "cameras.search.window must not be above polling.deadline")


def _seconds_at(document: yamlsource.Document, path: tuple[str, ...], default: float) -> float:
    value = _at(document, *path)
    try:
        return seconds(value) if isinstance(value, str) else default
    except ValueError:
        return default


def _twins(document: yamlsource.Document) -> Iterator[Finding]:
    """Printers, print servers and known cameras with something that an earlier one has to itself."""
    yield from twin_printers(document)
    yield from _alike(document, _entries(document, "discovery", "print_servers"), "print server", url=_server)
    yield from _alike(document, _entries(document, "cameras", "known"), "camera", name=str, mac=_mac)


def _server(url: str) -> object:
    try:
        return server_url(url)
    except ValueError:
        return None


def twin_printers(document: yamlsource.Document) -> Iterator[Finding]:
    """Yield a finding for each printer that has its name, or its host, in common with an earlier one."""
    yield from _alike(document, _entries(document, "printers"), "printer", name=str)
    yield from _same_printers(document)


def _alike(
    document: yamlsource.Document, entries: Iterable[_Entry], device: str, **identities: Callable[[str], object]
) -> Iterator[Finding]:
    first: dict[object, yamlsource.Path] = {}
    for path, entry in entries:
        for key, identify in identities.items():
            value = entry.get(key)
            identity = identify(value) if isinstance(value, str) else None
            place = (*path, key)
            if identity is not None and (other := first.setdefault((key, identity), place)) != place:
                yield Finding(place, f"the {device} in line {document.line(other)} has the same {_UNIQUE[key]}")


def _same_printers(document: yamlsource.Document) -> Iterator[Finding]:
    """Printers at the host, port and path of an earlier one, unless each says which device it is and they differ."""
    seen: dict[object, dict[int | None, yamlsource.Path]] = {}
    for path, entry in _entries(document, "printers"):
        host, device = entry.get("host"), scalar(entry.get("device"))
        protocol = _protocol(document, entry)
        endpoint = _endpoint(host, protocol) if isinstance(host, str) else None
        if endpoint is None:
            continue
        ipp_path = str(_option(document, entry, "ipp_path")) if protocol in _IPP else ""
        device = device if isinstance(device, int) else None
        earlier, place = seen.setdefault((*endpoint, ipp_path), {}), (*path, "host")
        if earlier and (device is None or None in earlier or device in earlier):
            yield _same_printer(place, device, earlier, document)
        earlier.setdefault(device, place)


def _same_printer(
    place: yamlsource.Path,
    device: int | None,
    earlier: Mapping[int | None, yamlsource.Path],
    document: yamlsource.Document,
) -> Finding:
    other = earlier.get(device) or next(iter(earlier.values()))
    what = "host and port" if device is None or device not in earlier else "host, port and device"
    ask = "" if device in earlier else "; give each its device"
    return Finding(place, f"the printer in line {document.line(other)} has the same {what}{ask}")


def _mac(text: str) -> str | None:
    """What the spellings of one MAC share."""
    try:
        return mac(text)
    except ValueError:
        return None


def _endpoint(host: str, protocol: str) -> tuple[str, int] | None:
    """What two spellings of one host and port share."""
    try:
        name, port = split_host(host, DEFAULT_PORTS.get(protocol, 0))
    except ValueError:
        return None
    return plain_host(name), port


def _protocol(document: yamlsource.Document, entry: yamlsource.Mapping) -> str:
    """How an entry is asked, as written."""
    return str(_option(document, entry, "protocol") or "snmp")


def _option(document: yamlsource.Document, entry: yamlsource.Mapping, key: str) -> yamlsource.Value:
    """What is written in an entry, else in printer_defaults."""
    return entry.get(key, _section(document, "printer_defaults").get(key))


def of_other_protocol(document: yamlsource.Document) -> Iterator[Finding]:
    """Yield a finding for each key of a printer that its protocol has no use for."""
    for path, entry in _entries(document, "printers"):
        protocol = _protocol(document, entry)
        for key in _SNMP_ONLY if protocol in _IPP else _IPP_ONLY if protocol == "snmp" else ():
            if key in entry:
                needed = "snmp" if protocol in _IPP else "ipp or ipps"
                yield Finding((*path, key), f"needs protocol: {needed}, and this printer is asked over {protocol}")


def _unknown_credentials(document: yamlsource.Document) -> Iterator[Finding]:
    """Names that snmp.credentials lacks, `default` included where a printer falls back on it."""
    section = _section(document, "snmp", "credentials")
    known = [name for name in section or ("default",) if name == name_in(name)]
    shared = _section(document, "printer_defaults")
    for path, options in ((("printer_defaults",), shared), *_entries(document, "printers")):
        name = options.get("credentials")
        if isinstance(name, str) and name not in known:
            yield Finding((*path, "credentials"), f"no such name in snmp.credentials{meant_or_known(name, known)}")
    nameless = (
        path
        for path, entry in _entries(document, "printers")
        if "credentials" not in {*entry, *shared} and _protocol(document, entry) not in _IPP
    )
    if "default" not in known and "credentials" not in shared and _protocol(document, shared) not in _IPP:
        if _section(document, "probe").get("allow"):
            message = 'no "default" here, with which hosts of probe.allow could be asked'
            yield Finding(("snmp", "credentials"), message)
        if _section(document, "discovery").get("print_servers"):
            message = 'no "default" here, with which printers of discovery.print_servers could be asked'
            yield Finding(("snmp", "credentials"), message)
    if "default" not in known and (first := next(nameless, None)):
        message = f'no "default" here, but the printer in line {document.line(first)} names no other'
        yield Finding(("snmp", "credentials"), message)


def _entries(document: yamlsource.Document, *path: str) -> Iterator[_Entry]:
    """Devices as written in the list at the path."""
    listed = _at(document, *path)
    for index, entry in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(entry, yamlsource.Mapping):
            yield (*path, index), entry


def _section(document: yamlsource.Document, *path: str) -> yamlsource.Mapping:
    """The keys and values at the path; empty where it has none."""
    value = _at(document, *path)
    return value if isinstance(value, yamlsource.Mapping) else yamlsource.Mapping()


def _at(document: yamlsource.Document, *path: str) -> yamlsource.Value:
    value: yamlsource.Value = document.data
    for key in path:
        value = value.get(key) if isinstance(value, yamlsource.Mapping) else None
    return value


# ---- JSON schema


def json_schema() -> dict[str, Any]:
    """The file's JSON schema, for editors."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | ConfigFile.model_json_schema()


_schema = functools.cache(json_schema)


if __name__ == "__main__" and sys.argv[1:] == ["--schema"]:
    sys.stdout.write(json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n")
