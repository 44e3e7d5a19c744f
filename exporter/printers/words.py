"""What a supply is, in canonical English: from its type and colourant first, from its words where those are silent."""

import functools
import re

from exporter.printers.names import SUPPLY_KINDS

# Found anywhere in a description; the first that matches wins, so the longer and the narrower come first.
_KIND_WORDS: tuple[tuple[str, str], ...] = (
    (
        "waste_ink",
        r"waste ink|resttinte|maintenance (box|tank|cartridge)|wartungs(box|tank)|(boîte|bac) de maintenance",
    ),
    ("waste_ink", r"caja de mantenimiento|scatola di manutenzione|メンテナンスボックス|廃インク|废墨|廢墨"),
    ("waste_toner", r"waste toner|toner waste|waste cont|waste box|(rest|alt)toner|toner(abfall|sammel)|toner usag"),
    ("waste_toner", r"récup|recuper|residu|di scarto|废|廢|廃|回収"),
    ("fuser", r"\bfus(er|ing|ion|ión|or)|fixier|\bfour\b|定着|定影"),
    ("transfer_unit", r"transfer|trasfer|übertrag|\bbelt\b|transport|転写|转印|轉印"),
    ("drum", r"drum|photocond|fotocond|fotoleiter|imaging (unit|kit)|di imaging|de imagen|\bopc\b"),
    ("drum", r"trommel|tambour|tamburo|tambor|ドラム|感光|硒鼓|成像"),
    ("developer", r"developer|entwickler|développeur|revelador|svilupp|現像|显影|顯影"),
    ("toner", r"toner|tóner|トナー|碳粉|墨粉"),
    ("ink", r"\bink|tinte|encre|inchiostro|tinta|インク|墨"),
    ("staples", r"stapl|heftklammer|agraf|grapas|punti metallici|ステープル|订书钉|釘書針"),
)
_COLOR_WORDS: tuple[tuple[str, str], ...] = (
    ("matte black", r"matt[e]? black|mattschwarz"),
    ("photo black", r"photo black|fotoschwarz"),
    ("light cyan", r"light cyan|hellcyan"),
    ("light magenta", r"light magenta|hellmagenta"),
    ("gray", r"\bgr[ae]y|\bgrau|\bgrise?\b|grigio|グレー|灰"),
    ("cyan", r"cyan|\bcian|シアン|青"),
    ("magenta", r"magenta|マゼンタ|洋红|洋紅|品红"),
    ("yellow", r"yellow|\bgelb|jaune|giall[oa]|amarill[oa]|イエロー|黄|黃"),
    ("black", r"black|schwarz|\bnoire?\b|\bner[oa]\b|negr[oa]|ブラック|黒|黑"),
)
_KINDS = tuple((kind, re.compile(pattern, re.IGNORECASE)) for kind, pattern in _KIND_WORDS)
_COLORS = tuple((color, re.compile(pattern, re.IGNORECASE)) for color, pattern in _COLOR_WORDS)
# Kinds of which a printer has one for each colour.
_COLORED = frozenset({"toner", "ink", "drum", "developer", "ribbon", "solid_wax"})

_SERIAL_TAIL = re.compile(r"[\s;,]*\bS/?N(?:\b|(?=[A-Z]*\d)).*$", re.IGNORECASE)
_SERIAL = re.compile(r"[\s;,]*\bS/?N(?:\b|(?=[A-Z]*\d))[\s:#.]*(?=[A-Z-]*\d)([\w-]{4,})", re.IGNORECASE)
_PART_MARKED = re.compile(r"[\s;,]*\b(?:PN|P/N|OEM)\b[\s:#]*(?=[A-Z_-]*\d)([\w-]{4,})", re.IGNORECASE)
# Capitals and digits mixed, as HP CF410X, Kyocera TK-8527K, Canon GPR-55 and Epson T9441 are; not "HP2" or "1".
_PART = re.compile(r"\b(?=[A-Z\d-]*[A-Z])(?=(?:[A-Z-]*\d){2})[A-Z\d]+(?:-[A-Z\d]+)*\b")
_SHORTEST_PART = 5
# Behind the digits, as in Kyocera's TK-8527K and Brother's TN-423BK.
_PART_COLOR = re.compile(r"(?<=\d)(?:BK|[KCMY])$")
_PART_COLORS = {"BK": "black", "K": "black", "C": "cyan", "M": "magenta", "Y": "yellow"}
# Like printers send the same words, and share what they mean; each is short, as `clean` leaves a text.
_remembered = functools.lru_cache(maxsize=4096)


@_remembered
def kind_of(type_number: int, description: str) -> str:
    """Return the kind: by prtMarkerSuppliesType (RFC 3805), by words where that says "other" or nothing."""
    kind = SUPPLY_KINDS.get(type_number, "other")
    return kind if kind != "other" else _first(_KINDS, description) or "other"


@_remembered
def color_of(kind: str, colorant: str, description: str) -> str:
    """Return the colour: by prtMarkerColorantValue, else by words, else by part number; "" for kinds without one."""
    if kind not in _COLORED:
        return ""
    return (
        _first(_COLORS, colorant) or _first(_COLORS, description) or _color_of_part(split_description(description)[1])
    )


def name_of(kind: str, color: str, description: str) -> str:
    """Return canonical English such as `Black toner`; the device's own words only where the kind is other."""
    if kind == "other" and description:
        return description
    return f"{color} {kind}".replace("_", " ").strip().capitalize()


def split_description(text: str) -> tuple[str, str]:
    """Return (description without the tails that change with each cartridge, part number or "")."""
    description = _SERIAL_TAIL.sub("", text)
    marked = _PART_MARKED.search(description)
    if marked:
        return _PART_MARKED.sub("", description).strip(" ;,") or marked[1], marked[1]
    parts = [part for part in _PART.findall(description) if len(part) >= _SHORTEST_PART]
    return description.strip(" ;,") or text, parts[0] if parts else ""


def serial_of(text: str) -> str:
    """Return the serial number of the cartridge where a description ends with one, else ""."""
    found = _SERIAL.search(text)
    return found[1] if found else ""


def _color_of_part(part: str) -> str:
    letters = _PART_COLOR.search(part)
    return _PART_COLORS[letters[0]] if letters else ""


def _first(table: tuple[tuple[str, re.Pattern[str]], ...], text: str) -> str:
    return next((name for name, pattern in table if pattern.search(text)), "")
