"""What one maker does differently, a small module each; here: which maker a printer is of."""

import re

from exporter.printers.text import clean
from exporter.printers.vendors import (
    brother,
    canon,
    epson,
    hp,
    konica,
    kyocera,
    lexmark,
    oki,
    ricoh,
    samsung,
    sharp,
    toshiba,
    xerox,
)
from exporter.printers.vendors.maker import ENTERPRISES, Maker
from exporter.snmp.session import Value

_MODULES = (brother, canon, epson, hp, konica, kyocera, lexmark, oki, ricoh, samsung, sharp, toshiba, xerox)
MAKERS: tuple[Maker, ...] = tuple(module.MAKER for module in _MODULES)
"""Those with objects of their own that are read."""

# Private enterprise numbers (IANA), the seventh arc of sysObjectID 1.3.6.1.4.1.N.
_NAMES = {
    11: "HP",
    122: "Sony",
    128: "Tektronix",
    186: "Toshiba",
    231: "Fujitsu",
    236: "Samsung",
    253: "Xerox",
    258: "Panasonic",
    297: "Fujifilm",
    367: "Ricoh",
    641: "Lexmark",
    674: "Dell",
    683: "Zebra",
    1129: "Toshiba",
    1248: "Epson",
    1347: "Kyocera",
    1552: "Océ",
    1602: "Canon",
    2001: "OKI",
    2385: "Sharp",
    2435: "Brother",
    10642: "Zebra",
    18334: "Konica Minolta",
    21687: "KIP",
    24807: "Riso",
    26696: "HP",
    29999: "HP",
    40093: "Pantum",
    51966: "TSC",
}
# Badges that answer with the enterprise number of who built them, and words for those with a useless one.
_BADGES = (
    ("UTAX", r"\butax|\bta_utax|triumph"),
    ("Olivetti", r"olivetti"),
    ("Lanier", r"lanier"),
    ("Gestetner", r"gestetner"),
    ("Savin", r"\bsavin\b"),
    ("NRG", r"\bnrg\b"),
    ("Develop", r"\bdevelop ineo"),
    ("Fujifilm", r"fujifilm"),
    ("HP", r"hewlett|\bhp\b"),
    ("Konica Minolta", r"konica|bizhub"),
    *((maker, rf"\b{maker.lower()}\b") for maker in sorted(set(_NAMES.values()) - {"HP", "Konica Minolta"})),
)
# An agent that the maker did not write (net-snmp) has its author's number.
_NET_SNMP = f"{ENTERPRISES}.8072."
_PATTERNS = tuple((name, re.compile(pattern, re.IGNORECASE)) for name, pattern in _BADGES)


def maker_of(object_id: str, *descriptions: str) -> str:
    """Return the maker's name: of the badge that the descriptions show, else of sysObjectID, else ""."""
    for description in descriptions:
        for name, pattern in _PATTERNS:
            if pattern.search(description):
                return name
    prefix = f"{ENTERPRISES}."
    number = object_id.removeprefix(prefix).split(".")[0] if object_id.startswith(prefix) else ""
    return _NAMES.get(int(number), "") if number.isdecimal() else ""


def find(object_id: Value | None, *descriptions: Value | None) -> Maker | None:
    """Return whose objects a printer has: by sysObjectID who built it, else by the first name in the descriptions."""
    number = f"{clean(object_id)}."
    built = (maker for maker in MAKERS if number.startswith(tuple(f"{prefix}." for prefix in maker.objects)))
    if found := next(built, None):
        return found
    if number.startswith(f"{ENTERPRISES}.") and not number.startswith(_NET_SNMP):
        return None
    name = maker_of("", *map(clean, descriptions))
    return next((maker for maker in MAKERS if maker.name == name), None)
