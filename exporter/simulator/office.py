"""The demo office: printers of many makers with everyday troubles, each on a loopback address of its own; cameras."""

import ipaddress
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from exporter.cameras.easyip import DEVICE_PORT, LISTEN_PORT
from exporter.simulator.agent import Agent, Site
from exporter.simulator.cameras import ANNOUNCE_EVERY, OFFICE_CAMERAS, CameraSite
from exporter.simulator.mib import RecomputedMib
from exporter.simulator.printer import (
    CRITICAL,
    DRUM,
    FUSER,
    GROUP_MEDIA_PATH,
    IMPRESSIONS,
    INK_CARTRIDGE,
    ITEMS,
    JAMMED,
    MANUAL_FEED,
    SHEETS,
    SOME,
    STAPLES,
    TENTHS_OF_GRAMS,
    TONER_CARTRIDGE,
    TRANSFER_UNIT,
    UNARY_WARNING,
    WASTE_INK,
    WASTE_TONER,
    Alert,
    Bin,
    Cover,
    Duty,
    Maker,
    Printer,
    Supply,
    Tray,
    values,
)
from exporter.simulator.v3agent import User, V3Agent

V3_USER = User("monitor", "office-demo-auth", "office-demo-priv")

# MIBenums (IANA character sets): what the makers declare, not always what they send.
_LATIN_1, _UTF_8, _ROMAN_8 = 4, 106, 2004
_OTHER_UNIT = 1
# As good as for ever: a supply that keeps its level for the length of any demo.
_YEARS = 5_000_000
_COLOURS = {"K": "black", "C": "cyan", "M": "magenta", "Y": "yellow"}

_HP = Maker(
    "HP",
    (11, 2, 3, 9, 1),
    "HP ETHERNET MULTI-ENVIRONMENT,SN:{serial},FN:T7B41QK,SVCID:25012,PID:{model}",
    charset=_ROMAN_8,
    encoding="latin-1",
)
_HP_OFFICEJET = replace(_HP, device_index=0, mark_technology=12, console=False, counts_events=False)
_BROTHER = Maker(
    "Brother",
    (2435, 2, 3, 9, 1),
    "Brother NC-8300h, Firmware Ver.ZA ,MID 84U-F75",
    charset=_ROMAN_8,
    counter_unit=SHEETS,
    standing=(Alert(0, 0, 0, 0, training=0, row=1),),
    alert_times=False,
    counts_events=False,
    config_changes=0,
    idle_text="Sleep",
    printing_text="Printing",
)
_KYOCERA = Maker(
    "Kyocera",
    (1347, 41),
    "KYOCERA Document Solutions Printing System",
    other_devices={2: (4, "{model}"), 3: (6, "{model}"), 4: (0, "{model}"), 5: (0, "{model}")},
    standing=(Alert(UNARY_WARNING, 5, 1, 503, training=7, row=2),),
    alert_texts=False,
    config_changes=0,
    idle_text="Sleeping",
)
_RICOH = Maker(
    "Ricoh",
    (367, 1, 1),
    "RICOH {model} 1.08 / RICOH Network Printer C model / RICOH Network Scanner C model",
    charset=_LATIN_1,
    encoding="latin-1",
    counter_unit=SHEETS,
    warning=UNARY_WARNING,
    other_devices={2: (4, "RICOH {model}"), 3: (3, "RICOH {model}")},
)
_CANON = Maker("Canon", (1602, 4, 7), "Canon {model} /P", counts_events=False)
_XEROX = Maker("Xerox", (253, 8, 62, 1, 28, 2), "Xerox {model}; System Software 103.023.009, ESS 103.003.06515")
_LEXMARK = Maker("Lexmark", (641, 6, 2, 1), "Lexmark {model} version NH63.TU.N638 kernel 4.11.12 All-N-1")
_EPSON = Maker(
    "Epson",
    (1248, 1, 1, 2, 1, 3, 5),
    "EPSON Built-in 11n 11b/g/n Print Server",
    error_octets=0,
    mark_technology=12,
    standing=(Alert(1, 1, 0, 1, training=1, row=2000),),
    alert_times=False,
    console=False,
)
_KONICA = Maker("Konica Minolta", (18334, 1, 1, 1, 2, 1, 181, 2, 4), "KONICA MINOLTA {model}", error_octets=2)
_OKI = Maker(
    "OKI",
    (2001, 1, 1, 1, 1),
    "OKI OkiLAN 9450g Rev.00.69 10/100/1000BASE Ethernet PrintServer: Attached to {model}",
    error_octets=2,
    mark_technology=3,
    idle_text="Online",
)

_MANUAL = Tray("", "Manual Feed Tray", capacity=100, start=0, type=MANUAL_FEED, media="Plain")


def _colours(descriptions: Mapping[str, str], levels: tuple[float, ...], **options: Any) -> tuple[Supply, ...]:
    """One supply a colour, in the order of `descriptions`."""
    return tuple(
        Supply(text, colorant=_COLOURS[letter], start=start, **options)
        for (letter, text), start in zip(descriptions.items(), levels, strict=True)
    )


def _staples(description: str) -> Supply:
    return Supply(description, STAPLES, unit=ITEMS, sensed=False)


def _waste(description: str, start: float = 0.8, pages: int = 6000, sensed: bool = True) -> Supply:
    return Supply(description, WASTE_TONER, start=start, pages=pages, sensed=sensed)


_HP_M477 = Printer(
    _HP,
    "HP Color LaserJet MFP M477fdw",
    "VNB8K6Q02T",
    "NPI8A51C2",
    _colours(
        {
            "K": "Black Cartridge HP CF410X",
            "C": "Cyan Cartridge HP CF411X",
            "M": "Magenta Cartridge HP CF413X",
            "Y": "Yellow Cartridge HP CF412X",
        },
        (0.83, 0.64, 0.71, 0.58),
        pages=1800,
    ),
    (Tray("Tray 1", start=35, capacity=50, type=MANUAL_FEED), Tray("Tray 2", start=210, capacity=250)),
    covers=(Cover("Front Door"), Cover("Rear Door")),
    duty=Duty(28, job=45, pause=15, phase=5),
    life_pages=48_213,
)
_BROTHER_L8260 = Printer(
    _BROTHER,
    "Brother HL-L8260CDW series",
    "E75620K9J342217",
    "BRN3C2AF4A1B2C3",
    (
        *(
            Supply(f"{colour} Toner Cartridge", colorant=colour.lower(), unit=TENTHS_OF_GRAMS, sensed=False)
            for colour in ("Black", "Cyan", "Magenta", "Yellow")
        ),
        Supply("Waste Toner Box", WASTE_TONER, unit=TENTHS_OF_GRAMS, sensed=False),
        Supply("Belt Unit", TRANSFER_UNIT, unit=IMPRESSIONS, capacity=50_000, start=0.56, pages=50_000),
        Supply("Drum Unit (unité de tambour)", DRUM, unit=IMPRESSIONS, capacity=30_000, start=0.75, pages=30_000),
    ),
    (
        Tray("MANUAL", "Manual Feed", 1, 0, MANUAL_FEED),
        Tray("TRAY 1", "Paper Tray 1", 250, 180),
        Tray("TRAY 2", "Paper Tray 2", 500, 420),
    ),
    covers=(Cover("Front Cover"), Cover("Back Cover")),
    duty=Duty(31, job=30, pause=30, phase=12),
    life_pages=7_404,
)
_KYOCERA_4053 = Printer(
    _KYOCERA,
    "CS 4053ci",
    "W7F9Z00118",
    "KM4C21A0",
    (
        *_colours(
            {"C": "TK-8527C", "M": "TK-8527M", "Y": "TK-8527Y", "K": "TK-8527K"},
            (0.72, 0.66, 0.81, 0.55),
            unit=IMPRESSIONS,
            capacity=25_000,
            pages=2200,
            steps=100,
        ),
        _waste("Waste Toner Box", sensed=False),
    ),
    (
        replace(_MANUAL, description="MP Tray"),
        Tray("", "Cassette 1", 500, 350),
        Tray("", "Cassette 2", 500, 500),
    ),
    bins=(Bin("Inner Tray"),),
    covers=(Cover("Front Cover"), Cover("Left Cover 1"), Cover("Left Cover 2")),
    duty=Duty(40, job=40, pause=20, phase=31),
    life_pages=76_498,
)
_KYOCERA_P2040 = Printer(
    _KYOCERA,
    "ECOSYS P2040dw",
    "VWD8Y04417",
    "KM6B90D3",
    (
        Supply("TK-1160", colorant="black", unit=IMPRESSIONS, capacity=7_200, start=0.77, pages=1500, steps=100),
        _waste("Waste Toner Box", sensed=False),
    ),
    (Tray("", "MP Tray", 100, 0, MANUAL_FEED), Tray("", "Cassette 1", 250, 180)),
    covers=(Cover("Front Cover"), Cover("Rear Cover")),
    duty=Duty(40, job=50, pause=10, phase=44),
    life_pages=21_906,
)
_RICOH_C3000 = Printer(
    _RICOH,
    "IM C3000",
    "3089R920417",
    "RNP58387901",
    (
        Supply("Toner schwarz", colorant="black", start=0.8, pages=2500, steps=10),
        Supply("Resttonerbehälter", WASTE_TONER, "other", pages=_YEARS),
        Supply("Toner cyan", colorant="cyan", start=0.7, pages=2500, steps=10),
        Supply("Toner magenta", colorant="magenta", start=0.6, pages=2500, steps=10),
        Supply("Toner gelb", colorant="yellow", start=0.9, pages=2500, steps=10),
    ),
    (
        Tray("Papiermagazin 1", "Papiermagazin 1", 550, 470),
        Tray("Papiermagazin 2", "Papiermagazin 2", 550, 275),
        Tray("Bypass", "Bypass", 100, 0, MANUAL_FEED),
    ),
    covers=(Cover("Vordere Abdeckung"), Cover("Abdeckung für Duplex")),
    duty=Duty(30, job=35, pause=25, phase=50),
    life_pages=152_044,
)
_CANON_C5235 = Printer(
    _CANON,
    "iR-ADV C5235",
    "JWF04711",
    "Canon4C8A1D",
    (
        *_colours(
            {
                "C": "Canon GPR-31 Cyan Toner",
                "M": "Canon GPR-31 Magenta Ton",
                "Y": "Canon GPR-31 Yellow Tone",
                "K": "Canon GPR-31 Black Toner",
            },
            (0.67, 0.59, 0.62, 0.74),
            pages=2000,
        ),
        _waste("Waste Toner"),
    ),
    (
        Tray("Multi-purpose Tray", "Multi-purpose Tray", 100, 0, MANUAL_FEED),
        Tray("Drawer 1", "Drawer 1", 550, 440),
        Tray("Drawer 2", "Drawer 2", 550, 550, media="A3"),
    ),
    covers=(Cover("Front Cover"), Cover("Right Cover")),
    duty=Duty(35, job=40, pause=20, phase=8),
    life_pages=301_880,
)
_XEROX_C8045 = Printer(
    _XEROX,
    "AltaLink C8045",
    "XL7710233",
    "XRX9C934E5F",
    (
        *_colours(
            {
                "K": "Black Toner Cartridge;SN4C0A7710A3B",
                "C": "Cyan Toner Cartridge;SN4C0A7710B21",
                "M": "Magenta Toner Cartridge;SN4C0A7710C09",
                "Y": "Yellow Toner Cartridge;SN4C0A7710D44",
            },
            (0.7, 0.85, 0.62, 0.77),
            type=TONER_CARTRIDGE,
            unit=IMPRESSIONS,
            capacity=26_000,
            pages=2600,
        ),
        _waste("Waste Toner Container;SN7F00115A", start=0.06, pages=_YEARS),
        Supply("Fuser;SN77B0C2", FUSER, unit=IMPRESSIONS, capacity=200_000, start=0.4, pages=200_000),
        Supply("Black Drum Cartridge;SN90AB", DRUM, "black", IMPRESSIONS, 125_000, 0.8, 125_000),
        _staples("Staples"),
    ),
    (
        Tray("Tray 1", "Tray 1", 520, 400),
        Tray("Tray 2", "Tray 2", 520, 520, media="A3"),
        Tray("Tray 5 (Bypass)", "Bypass", 100, 0, MANUAL_FEED, row=5),
    ),
    bins=(Bin("Center Tray", 400, 310), Bin("Right Tray", 2000, 1950)),
    covers=(Cover("Front Door"), Cover("Left Side Door"), Cover("Finisher Door")),
    duty=Duty(45, job=30, pause=30, phase=3),
    life_pages=412_310,
)
_LEXMARK_MX622 = Printer(
    _LEXMARK,
    "MX622ade",
    "701732HH0F9K2",
    "ET788C7761A2B3",
    (
        Supply(
            "Black Cartridge",
            TONER_CARTRIDGE,
            "black",
            unit=IMPRESSIONS,
            capacity=21_000,
            start=0.15,
            pages=_YEARS,
        ),
        Supply("Imaging Unit", DRUM, unit=IMPRESSIONS, capacity=60_000, start=0.52, pages=60_000),
        Supply("Maintenance Kit", FUSER, unit=IMPRESSIONS, capacity=200_000, start=0.81, pages=200_000),
    ),
    (
        Tray("Multi-Purpose Feeder", "MP Feeder", 100, 0, MANUAL_FEED),
        Tray("Tray 1", "Tray 1", 550, 530),
    ),
    bins=(Bin("Standard Bin", 250, 200),),
    covers=(Cover("Front Door"), Cover("Rear Door")),
    duty=Duty(47, job=20, pause=40, phase=21),
    life_pages=88_120,
)
_EPSON_C5790 = Printer(
    _EPSON,
    "WF-C5790 Series",
    "X3BC012345",
    "EPSON6A2D11",
    (
        *_colours(
            {
                "K": "Black Ink Supply Unit T9441",
                "C": "Cyan Ink Supply Unit T9442",
                "M": "Magenta Ink Supply Unit T9443",
                "Y": "Yellow Ink Supply Unit T9444",
            },
            (0.68, 0.74, 0.57, 0.8),
            type=INK_CARTRIDGE,
            unit=_OTHER_UNIT,
            pages=1600,
        ),
        Supply("Maintenance Box", WASTE_INK, unit=_OTHER_UNIT, start=0.67, pages=9000),
    ),
    (Tray("Rear Paper Feed", "", 80, 20, MANUAL_FEED), Tray("Paper Cassette 1", "", 250, 140)),
    bins=(Bin("Output Tray", 150, SOME),),
    duty=Duty(24, job=40, pause=20, phase=17),
    life_pages=12_004,
)
_KONICA_C250I = Printer(
    _KONICA,
    "bizhub C250i",
    "AA2J021003412",
    "KMBT4AF325",
    (
        *_colours(
            {"C": "Toner (Cyan)", "M": "Toner (Magenta)", "Y": "Toner (Yellow)", "K": "Toner (Black)"},
            (0.88, 0.76, 0.69, 0.61),
            pages=2400,
        ),
        *(
            Supply(f"Drum Cartridge ({colour})", DRUM, colour.lower(), start=start, pages=40_000)
            for colour, start in (("Cyan", 0.6), ("Magenta", 0.61), ("Yellow", 0.6), ("Black", 0.42))
        ),
        _waste("Waste Toner Box", sensed=False),
        Supply("Fuser Unit", FUSER, start=0.73, pages=90_000),
        Supply("Image Transfer Belt Unit", TRANSFER_UNIT, start=0.7, pages=90_000),
    ),
    (
        Tray("Tray1", "Tray1", 500, 380),
        Tray("Tray2", "Tray2", 500, 500, media="A3"),
        Tray("Bypass Tray", "Bypass Tray", 100, 0, MANUAL_FEED, row=7),
    ),
    covers=(Cover("Front Door"), Cover("Upper Right Door")),
    duty=Duty(25, job=45, pause=15, phase=26),
    life_pages=33_810,
)
_OKI_MC873 = Printer(
    _OKI,
    "MC873",
    "AK7A012349",
    "OKI-MC873-D1A65E",
    (
        *_colours(
            {"Y": "Yellow Toner", "M": "Magenta Toner", "C": "Cyan Toner", "K": "Black Toner"},
            (0.5, 0.6, 0.7, 0.8),
            type=TONER_CARTRIDGE,
        ),
        *(
            Supply(f"{colour} Image Drum", DRUM, colour.lower(), IMPRESSIONS, 30_000, start, 30_000)
            for colour, start in (("Yellow", 0.6), ("Magenta", 0.6), ("Cyan", 0.6), ("Black", 0.35))
        ),
        Supply("Transfer Belt", TRANSFER_UNIT, unit=IMPRESSIONS, capacity=80_000, start=0.8, pages=80_000),
        Supply("Fuser", FUSER, unit=IMPRESSIONS, capacity=100_000, start=0.75, pages=100_000),
    ),
    (Tray("Multi Purpose Tray", "MP Tray", 100, 0, MANUAL_FEED), Tray("Tray1", "Tray 1", 535, 300)),
    covers=(Cover("Top Cover", open=True), Cover("Front Cover")),
    life_pages=64_551,
)
_HP_4101 = Printer(
    _HP,
    "HP LaserJet Pro MFP 4101fdw",
    "CNBRR2H0ZP",
    "NPI5D7E10",
    (
        Supply("Black Cartridge HP W1480A\0\0", colorant="black", start=0.48, pages=2900, row=1),
        _staples("Staples"),
    ),
    (Tray("Tray 1", start=60, capacity=100, type=MANUAL_FEED), Tray("Tray 2", start=180, capacity=250)),
    covers=(Cover("Front Door"), Cover("Rear Door")),
    faults=(Alert(CRITICAL, GROUP_MEDIA_PATH, 1, 8, "Paper jam in tray 2", bits=frozenset({JAMMED}), row=5),),
    life_pages=19_077,
)
_HP_M404 = Printer(
    _HP,
    "HP LaserJet Pro M404dn",
    "PHB5C11802",
    "NPI1F0B77",
    (
        Supply("Black Cartridge HP CF259A", colorant="black", start=0.0),
        Supply("Maintenance Kit", FUSER, start=0.6, row=5),
    ),
    (Tray("Tray 1", start=0, capacity=100, type=MANUAL_FEED), Tray("Tray 2", start=233, capacity=250)),
    covers=(Cover("Front Door"),),
    life_pages=30_512,
)
_HP_8600 = Printer(
    _HP_OFFICEJET,
    "Officejet Pro 8600 N911g",
    "CN2B5BTGK4",
    "HP68B599",
    (
        Supply("black ink HP950XL", INK_CARTRIDGE, "black", 15, 651, 0.66, 1500),
        Supply("yellow ink HP951XL", INK_CARTRIDGE, "yellow", 15, 230, 0.72, 1700),
        Supply("cyan ink HP951XL", INK_CARTRIDGE, "cyan", 15, 230, 0.61, 1700),
        Supply("magenta ink HP951XL", INK_CARTRIDGE, "magenta", 15, 230, 0.81, 1700),
    ),
    (Tray("Tray 1", "Tray 1", 250, 200),),
    duty=Duty(20, job=30, pause=30, phase=9),
    life_pages=9_431,
)
_LEXMARK_MS521 = replace(
    _LEXMARK_MX622,
    model="MS521dn",
    serial="460032LM1TX4R",
    name="ET0021B7FA1090",
    supplies=(
        Supply("Black Cartridge", TONER_CARTRIDGE, "black", IMPRESSIONS, 20_000, 0.63, 2400),
        Supply("Imaging Unit", DRUM, unit=IMPRESSIONS, capacity=60_000, start=0.9, pages=60_000),
    ),
    trays=(Tray("Tray 1", "Tray 1", 250, 190), Tray("Tray 2", "Tray 2", 550, 0, media="A5")),
    duty=Duty(44, job=30, pause=30, phase=36),
    life_pages=54_018,
)


@dataclass(frozen=True, slots=True)
class OfficePrinter:
    """What a user of the office may want to know of one of its printers; `note` says what is special."""

    name: str
    host: str
    port: int
    location: str
    department: str
    credentials: str
    note: str


@dataclass(frozen=True, slots=True)
class Place:
    """A printer and how it stands in the office; `options` go into its config as they are."""

    name: str
    location: str
    department: str
    printer: Printer
    note: str = ""
    versions: tuple[str, ...] = ("1", "2c")
    v3: bool = False
    silent: bool = False
    options: str = ""


PLACES = (
    Place("Accounting", "B1", "finance", _HP_M477),
    Place("Reception", "B1", "front desk", _BROTHER_L8260),
    Place("Sales", "B1", "sales", _KYOCERA_4053, "manual feed empty"),
    Place("Legal", "B1", "legal", _RICOH_C3000),
    Place("Human Resources", "B1", "hr", _KONICA_C250I, "SNMPv3", v3=True),
    Place("Meeting Room 1", "B1", "shared", _HP_4101, "jammed"),
    Place("Marketing", "B2", "marketing", _CANON_C5235, "SNMPv1 only", versions=("1",)),
    Place("Engineering", "B2", "engineering", _XEROX_C8045, "waste nearly full"),
    Place("Design", "B2", "marketing", _EPSON_C5790),
    Place("Workshop", "B2", "engineering", _OKI_MC873, "cover open"),
    Place("Training", "B2", "hr", _LEXMARK_MS521, "tray empty"),
    Place("Canteen", "B2", "shared", _HP_M404, "toner empty"),
    Place("Warehouse", "", "logistics", _LEXMARK_MX622, "toner low"),
    Place("Archive", "B1", "legal", replace(_BROTHER_L8260, serial="E75620K9J342250"), "asleep", silent=True),
    Place(
        "Print Room",
        "B2",
        "shared",
        _KYOCERA_P2040,
        options='expected_off: { nights: "19:00-07:00", weekends: true }',
    ),
    Place("IT Lab", "B1", "it", _HP_8600, options="maintenance: true"),
)

_CONFIG_HEAD = f"""\
# The demo office: every printer is simulated on this machine. The passwords are no secrets.
time_zone: Etc/UTC
polling:
  timeout: 1s
  min_interval: 5s
state:
  path: ":memory:"
snmp:
  credentials:
    default: {{ version: 2c, community: public }}
    office-v3:
      version: 3
      user: {V3_USER.name}
      auth: {{ protocol: SHA256, password: {V3_USER.auth_password} }}
      priv: {{ protocol: AES128, password: {V3_USER.priv_password} }}
printers:
"""


# Cameras are heard and searched for on loopback alone: nothing leaves the machine, and no real camera is heard.
_CAMERAS = """\
cameras:
  search: {{ interfaces: [lo], targets: [127.255.255.255], listen_port: {}, device_port: {} }}
  known:
    - {{ mac: "02:00:5e:10:00:01", location: B1, labels: {{ floor: "0" }} }}
    - {{ mac: "02:00:5e:10:00:02", location: B2, labels: {{ floor: "0" }} }}
    - {{ mac: "02:00:5e:10:00:03", name: Car park north, location: B2, labels: {{ floor: "-1" }} }}
    - {{ mac: "02:00:5e:10:00:09", name: Front door, location: B1, labels: {{ floor: "0" }} }}
    - {{ mac: "02:00:5e:10:00:99", name: Roof, location: B1, labels: {{ floor: "5" }} }}  # never there
locations:
  - {{ network: 127.44.0.0/16, location: B1 }}
"""


class Office(Site[Agent | V3Agent]):
    """Starts an agent for every printer, and the cameras; what they say depends only on the time since construction.

    With `port` 0 free ports are taken, the cameras' too.
    """

    def __init__(
        self,
        base: str = "127.43.0.1",
        port: int = 10161,
        clock: Callable[[], float] = time.monotonic,
        *,
        announce_every: float = ANNOUNCE_EVERY,
    ) -> None:
        started = clock()
        self.camera_ports = (LISTEN_PORT, DEVICE_PORT) if port else _free_ports()
        listen_port, device_port = self.camera_ports
        self.cameras = CameraSite(
            OFFICE_CAMERAS,
            listen_port=listen_port,
            device_port=device_port,
            announce_every=announce_every,
            clock=clock,
        )
        first = ipaddress.IPv4Address(base)
        self.agents = tuple(
            _agent(place, str(first + number), port, lambda: clock() - started) for number, place in enumerate(PLACES)
        )

    async def start(self) -> None:
        """Bind every socket, or none."""
        await super().start()
        try:
            await self.cameras.start()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Give all sockets back."""
        await self.cameras.close()
        await super().close()

    @property
    def printers(self) -> tuple[OfficePrinter, ...]:
        """The printers in the order of their addresses; ports are the real ones once it is started."""
        return tuple(
            OfficePrinter(
                place.name,
                agent.host,
                agent.port,
                place.location,
                place.department,
                "office-v3" if place.v3 else "default",
                place.note,
            )
            for place, agent in zip(PLACES, self.agents, strict=True)
        )

    def config_text(self) -> str:
        """Write the exporter's configuration for this office, in YAML."""
        entries = zip(self.printers, PLACES, strict=True)
        printers = "".join(_config_entry(printer, place.options) for printer, place in entries)
        return _CONFIG_HEAD + printers + _CAMERAS.format(*self.camera_ports)


def _free_ports() -> tuple[int, int]:
    """Return two UDP ports that nobody has now."""
    with socket.socket(type=socket.SOCK_DGRAM) as first, socket.socket(type=socket.SOCK_DGRAM) as second:
        first.bind(("", 0))
        second.bind(("", 0))
        return int(first.getsockname()[1]), int(second.getsockname()[1])


def _agent(place: Place, host: str, port: int, elapsed: Callable[[], float]) -> Agent | V3Agent:
    mib = RecomputedMib(lambda seconds: values(place.printer, seconds), elapsed)
    if place.v3:
        return V3Agent(mib, host, port, user=V3_USER)
    return Agent(mib, host, port, versions=place.versions, silent=place.silent)


def _config_entry(printer: OfficePrinter, options: str) -> str:
    lines = (
        f"name: {printer.name}",
        f"host: {printer.host}:{printer.port}",
        printer.location and f"location: {printer.location}",
        f"labels: {{ department: {printer.department} }}",
        printer.credentials != "default" and f"credentials: {printer.credentials}",
        options,
    )
    return "  - " + "\n    ".join(line for line in lines if line) + "\n"
