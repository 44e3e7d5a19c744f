"""A recording without the traces of whose printer it is. Pure.

What tells of people, places and devices becomes a mask of the same shape: a capital is X, another letter x, a digit 2,
in the octets of an address 2 or a. All else stays, so that a text keeps its length, its charset and its NULs and is
parsed as before. The same text always has the same mask, and a mask is its own mask.

Three ways to treat an octet string, by the object that holds it:

- *names* and *serials*: sysName, sysLocation … are masked as a whole, and wherever else they occur,
- *words*: of what is private to the maker (but its model), and of the panel, only words that printers use are kept,
- the rest, descriptions for the most part, loses what looks like an address, a serial or a phone number ….
"""

import ipaddress
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice

from exporter.printers.text import codec_of
from exporter.printers.vendors import MAKERS, maker_of
from exporter.snmp.session import Row, Value

_SYSTEM = "1.3.6.1.2.1.1"
_PRINTER = "1.3.6.1.2.1.43"
_SYS_OBJECT_ID = f"{_SYSTEM}.2.0"
_PRIVATE = "1.3.6.1.4.1"
HARDWARE_ADDRESS = "1.3.6.1.2.1.2.2.1.6"
"""ifPhysAddress (RFC 2863)."""
_SERIALS = (
    f"{_PRINTER}.5.1.1.17",  # prtGeneralSerialNumber
    f"{_PRINTER}.8.2.1.17",  # prtInputSerialNumber
    f"{_PRINTER}.9.2.1.11",  # prtOutputSerialNumber
    *(oid for maker in MAKERS for oid in maker.serial),
)
_NAMES = (
    f"{_SYSTEM}.4",  # sysContact
    f"{_SYSTEM}.5",  # sysName
    f"{_SYSTEM}.6",  # sysLocation
    f"{_PRINTER}.5.1.1.4",  # prtGeneralCurrentOperator
    f"{_PRINTER}.5.1.1.5",  # prtGeneralServicePerson
)
_MODELS = (
    "1.3.6.1.2.1.25.3.2.1.3",  # hrDeviceDescr
    *(oid for maker in MAKERS for oid in maker.model),
)
_FIRMWARE = tuple(oid for maker in MAKERS for oid in maker.firmware)
# prtGeneralPrinterName may be a model or a person's choice; the panel may greet somebody.
_WORDS = (f"{_PRINTER}.5.1.1.16", f"{_PRINTER}.14", f"{_PRINTER}.16", _PRIVATE)
# Their words are the maker's, so that they may stand elsewhere too.
_MAKERS_TEXTS = (
    *_MODELS,
    f"{_SYSTEM}.1",  # sysDescr
    f"{_PRINTER}.6.1.1.2",  # prtCoverDescription
    f"{_PRINTER}.9.2.1.12",  # prtOutputDescription
    f"{_PRINTER}.11.1.1.6",  # prtMarkerSuppliesDescription
    f"{_PRINTER}.12.1.1.4",  # prtMarkerColorantValue
    f"{_PRINTER}.13.4.1.10",  # prtMediaPathDescription
    f"{_PRINTER}.15.1.1",  # prtInterpreterTable
)
# What printers and their counters are about.
_VOCABULARY = frozenset(
    b"""
    accept active address adf alert all annotation auto automatic available average back bad bin binding black blank
    blue body book booklet bottle bottom bw by bypass calibration cancel card cartridge cassette center charge class
    clean cleaner cleaning clear close closed cls cmd coated collate color colored colors colour combined command
    compatible complete cons console consumable container continuous copies copy copying count counter cover
    coverage current custom cut cyan date day days deep default depth des description detected developer device
    direct document door double drawer drum duplex duplication economy email empty end energy engine envelope
    envelopes error errors estimated exit external fast fatal fax faxes feed feeder finisher firmware flatbed floor
    folder front ftp full function fuser fusing glossy gray green grey group hdd heavy high hole home horizontal
    hours humidity idle image imaging impression impressions info information ink input inside installed interface
    internal item jam jammed job kit label labels lan landscape large laser ledger left legal letter level life
    light limit list load local long low lower magenta mail main maintenance manual margin mark marker matte max
    maximum mdl media medium memory menu mfg min minimum missing mode model module mono monochrome motor multi name
    near network new nfc no none normal not number of offline oil ok on online opc open order other out output over
    own page pages panel paper pass path pause pcl pclxl percent percentage photo photoconductor pick pickup pjl
    plain please pm portrait ports post postscript power present print printed printer printing prints process
    processing product production punch purge quality queue ram ready rear receive received recycled red
    registration remain remaining remove report reset resolution retard right roll roller rough rules running scan
    scanned scanner scanning scans sec seconds sensor separation series service set sheet sheets short side sided
    sides simplex single size sleep sleeping small smb soon special speed stacker standard standby staple stapler
    staples start state status stock stop storage supply support system table tank target temperature test text
    thick thin time to toner top total transfer transparency transport tray two type unit unknown unused up upper
    usage usb used user utility value ver version vertical waiting warm warming warmup warning waste weight white
    width with xps yellow
    """.split()
)

# Shorter ones could be anything: they are masked in their own place only.
_SHORTEST_SECRET, _LONGEST_SECRET = 5, 255
_SHORTEST_NAME = 4
_MAC_LENGTH = 6
_IPV4_LENGTH = 4
# A printer may send thousands of what looks like one; each is masked in its place, so many in other forms too.
_MAX_SECRETS = 200
# Octets before an address in which a word for a version is looked for.
_BEFORE = 24
# Of unknown words, so much is kept: numbers of rows, units, sizes of paper.
_KEPT_DIGITS = 3
_KEPT_LETTERS = 2

_TOKEN = re.compile(rb"[A-Za-z0-9\x80-\xff]+")
_LETTERS = re.compile(rb"[A-Za-z]{3}")
_CONTROL = re.compile(rb"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")
_PRINTABLE = re.compile(rb"[\x20-\x7e]{4,}")
# Text with a NUL in each character, as UTF-16 has it.
_WIDE = re.compile(rb"(?:[\t\n\r\x20-\x7e\xa0-\xff]\x00){4,}[\x20-\x7e\xa0-\xff]?")
_PAIR = re.compile(rb"[0-9A-Fa-f]{2}")
# Between octets written in hexadecimal: a separator, a prefix; in text of UTF-16 a NUL.
_BETWEEN = rb"[ :.,-]{0,2}(?:0x|\\x)?"
_BETWEEN_CHARS = rb"%b(?:00%b)?" % (_BETWEEN, _BETWEEN)
_HP_PREFIX = b"\x01\x15"
_WORD_IN_INDEX = re.compile(rb"[A-Za-z]{4}")
# Addresses of such numbers only, as 1.1.1.1, look like parts of OIDs and of counters.
_SMALL = 10


@dataclass(frozen=True, slots=True)
class Anonymised:
    """The rows that are left, in the order of their OIDs, and how many were dropped for what their OIDs tell."""

    rows: tuple[Row, ...]
    dropped: int


def anonymise(rows: Iterable[Row], known: Iterable[str] = ()) -> Anonymised:
    """Mask what tells of people, places and devices; `known` are names and addresses to be masked wherever they are."""
    ordered = sorted(dict(rows).items(), key=lambda row: tuple(map(int, row[0].split("."))))
    secrets = _Secrets(_learn(ordered, known))
    kept = [row for row in ordered if not secrets.show_in(*_telling_oids(*row))]
    masked = [(oid, _masked(oid, value, secrets)) for oid, value in kept]
    public = _VOCABULARY | _words_of(masked, *_MAKERS_TEXTS)
    result = [(oid, _in_words(value, public) if _is_wordy(oid) else value) for oid, value in masked]
    return Anonymised(tuple(result), len(ordered) - len(kept))


def _telling_oids(oid: str, value: Value) -> Iterator[str]:
    """Yield the OIDs of a row that may spell something: a private object's own, and one that is a value.

    sysObjectID is the maker's for all of a model, and what Epson's spells is no secret.
    """
    if _is_at(oid, _PRIVATE):
        yield oid
    if isinstance(value, str) and not is_address(value) and oid != _SYS_OBJECT_ID:
        yield value


def is_address(value: Value) -> bool:
    """Tell an IpAddress from an OBJECT IDENTIFIER: the engines give both in dotted text."""
    if not isinstance(value, str) or value.startswith("1.3."):
        return False
    numbers = value.split(".")
    return len(numbers) == 4 and all(int(number) < 256 for number in numbers)


def _is_at(oid: str, *roots: str) -> bool:
    """Tell whether an OID is one of these or below."""
    return any(oid == root or oid.startswith(f"{root}.") for root in roots)


def _is_wordy(oid: str) -> bool:
    return _is_at(oid, *_WORDS) and not _is_at(oid, *_MODELS, *_FIRMWARE)


# Masks, as tables from octet to octet


def _shape_of(octet: int) -> int:
    if octet < 0x80:
        char = chr(octet)
        return ord("2" if char.isdigit() else "X" if char.isupper() else "x") if char.isalnum() else octet
    # What begins and what continues a character of UTF-8 goes on doing so; letters of Latin-1 stay letters.
    return next(mask for least, mask in ((0xF0, 0xF0), (0xE0, 0xE6), (0xC0, 0xC3), (0x80, 0xA4)) if octet >= least)


def _nibbles_of(octet: int) -> int:
    return sum((0x2 if nibble < 0xA else 0xA) << shift for shift, nibble in ((4, octet >> 4), (0, octet & 0xF)))


_SHAPES = bytes(map(_shape_of, range(256)))
_HEX_DIGITS = bytes.maketrans(b"0123456789abcdefABCDEF", b"2222222222aaaaaaAAAAAA")
# Half a character of UTF-16 may be a punctuation mark; "xx" is a letter in both orders of octets.
_WIDE_X = b"\0" + b"x" * 255
_MAC_OCTETS = bytes(map(_nibbles_of, range(256)))
_IPV4_OCTETS = bytes(int("2" * len(str(octet))) for octet in range(256))


# What is recognised wherever it stands


@dataclass(frozen=True, slots=True)
class _Pattern:
    """Something recognisable: the group `secret` of it, or all, is masked by `mask` where `is_one` agrees."""

    regex: re.Pattern[bytes]
    mask: bytes
    is_one: Callable[[re.Match[bytes]], bool]

    def found(self, text: bytes) -> Iterator[bytes]:
        """Yield what is to be masked."""
        return (each[self._group] for each in self.regex.finditer(text) if self.is_one(each))

    def masked(self, text: bytes) -> bytes:
        """Return the text with all of it masked."""
        return self.regex.sub(self._mask, text)

    @property
    def _group(self) -> int:
        return self.regex.groupindex.get("secret", 0)

    def _mask(self, found: re.Match[bytes]) -> bytes:
        if not self.is_one(found):
            return found[0]
        start, end = (at - found.start() for at in found.span(self._group))
        return found[0][:start] + found[0][start:end].translate(self.mask) + found[0][end:]


def _pattern(
    regex: bytes, mask: bytes = _SHAPES, is_one: Callable[[re.Match[bytes]], bool] = lambda _: True
) -> _Pattern:
    return _Pattern(re.compile(regex, re.IGNORECASE), mask, is_one)


_VERSION = re.compile(rb"(?:\bv|ver|version|firmware|rev|release|kernel|software|rom)[\W_]*\Z", re.IGNORECASE)


def _is_ipv4(found: re.Match[bytes]) -> bool:
    """Tell an address from a version; netmasks, loopback and 0.0.0.0 tell nothing."""
    numbers = list(map(int, found[0].split(b".")))
    before = found.string[max(found.start() - _BEFORE, 0) : found.start()]
    return max(numbers) < 256 and numbers[0] not in {0, 255} and not _VERSION.search(before)


def _is_ipv6(found: re.Match[bytes]) -> bool:
    try:
        return int(ipaddress.IPv6Address(found[0].decode())) > 1
    except ValueError:
        return False


_TOP_LEVEL = rb"com|org|net|edu|gov|mil|int|info|biz|local|localdomain|lan|home|intern|internal|intra|intranet|corp"
_IPV4 = _pattern(rb"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])", is_one=_is_ipv4)
_MAC = _pattern(
    rb"(?<![\w:-])(?:[0-9a-f]{2}(?P<by>[:-])(?:[0-9a-f]{2}(?P=by)){4}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4})"
    rb"(?![\w:-])",
    _HEX_DIGITS,
)
_SERIAL = _pattern(
    rb"(?:\bS/?N(?!MP)|\b(?:SERN|SERIAL)(?:[ _-]?(?:NO|NUMBER|NUM))?|\bFN(?=:))[\s:.#=]*"
    rb"(?P<secret>(?=[\w-]{0,40}\d)[\w-]{3,}(?: [\w-]*\d[\w-]*)*)"
)
_EMAIL = _pattern(rb"[\w.+%-]{1,64}@[\w-]+(?:\.[\w-]+)*")
_IPV6 = _pattern(rb"(?<![\w:.])(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:.])", _HEX_DIGITS, _is_ipv6)
_PATTERNS = (
    _pattern(rb"\b[a-z][a-z0-9+.-]{1,10}://(?P<secret>\S+)"),
    _EMAIL,
    _pattern(rb"(?<![\w-])[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}(?![\w-])", _HEX_DIGITS),
    _SERIAL,
    _MAC,
    _IPV6,
    _IPV4,
    _pattern(rb"(?<![\w.-])(?:[a-z0-9][a-z0-9-]*\.)+(?:%b)(?![\w-])" % _TOP_LEVEL),
    _pattern(rb"(?<![\w.-])(?:[a-z0-9][a-z0-9-]*\.){2,}[a-z]{2}(?![\w-])"),
    _pattern(rb"(?:\+\d|(?<!\w)\(?0\d{2,5}\)?[ /-])[\d ()/.-]{5,}\d"),
    _pattern(rb"(?<![\w-])(?:1[ .-])?\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?![\w-])"),
    _pattern(rb"\b(?:tel|phone|telefon|call|fax|hotline|mobile|mobil)\b[^\w+(]*(?P<secret>[\d ()/.+-]{4,}\d)"),
)


# What is masked wherever it occurs, because it was learnt in one place


@dataclass(frozen=True, slots=True)
class _Secret:
    """Octets to be found and the table that masks them; text is found in either case, a name as a whole word only."""

    octets: bytes
    mask: bytes = _SHAPES
    is_name: bool = False

    @property
    def is_text(self) -> bool:
        """Whether it is text and not the octets of an address."""
        return self.mask in {_SHAPES, _WIDE_X}

    def raw_pattern(self) -> bytes:
        """Return what finds it as it is; an address that could be text or small numbers only where it is alone."""
        escaped = re.escape(self.octets)
        if self.is_name:
            return rb"(?i:(?<![A-Za-z0-9\x80-\xff])%b(?![A-Za-z0-9\x80-\xff]))" % escaped
        is_common = _PRINTABLE.fullmatch(self.octets) or max(self.octets) < _SMALL
        return b"(?i:%b)" % escaped if self.is_text else rb"\A%b\Z" % escaped if is_common else escaped

    def hex_pattern(self) -> bytes:
        """Return what finds it written in hexadecimal."""
        choices = ({octet, *bytes((octet,)).swapcase()} if self.is_text else {octet} for octet in self.octets)
        pairs = (b"|".join(b"%02x" % octet for octet in sorted(choice)) for choice in choices)
        return b"(?i:%b)" % (_BETWEEN_CHARS if self.is_text else _BETWEEN).join(b"(?:%b)" % pair for pair in pairs)

    def numbers(self) -> Iterator[tuple[int, int]]:
        """Yield the numbers that it may be elsewhere, with their masks; an address of IPv4 may have a sign."""
        if not self.is_text:
            number, mask = (int.from_bytes(octets, "big") for octets in (self.octets, self.octets.translate(self.mask)))
            yield number, mask
            if len(self.octets) == _IPV4_LENGTH and number >= 2**31:
                yield number - 2**32, mask - 2**32
        elif self.octets.isdigit():
            yield int(self.octets), int("2" * len(str(int(self.octets))))

    def masked(self, found: re.Match[bytes]) -> bytes:
        """Return the mask of what was found as it is."""
        return found[0].translate(self.mask)

    def masked_hex(self, found: re.Match[bytes]) -> bytes:
        """Return the mask of what was found in hexadecimal, in the same form."""
        return _PAIR.sub(self._masked_pair, found[0])

    def _masked_pair(self, pair: re.Match[bytes]) -> bytes:
        octet = int(pair[0], 16)
        text = b"%02x" % (octet if self.is_text and not octet else self.mask[octet])
        return text.upper() if pair[0].isupper() else text


def _learn(rows: Sequence[Row], known: Iterable[str]) -> Iterator[_Secret]:
    """Yield what is known, what the objects of their own say of a printer, and what is recognised anywhere."""
    public = _VOCABULARY | _words_of(rows, *_MODELS)
    texts = [_narrow(value) for _, value in rows if isinstance(value, bytes)]
    texts += [value.encode() for _, value in rows if isinstance(value, str) and is_address(value)]
    for text in (*(text.encode() for text in known), *_texts_of(rows, *_NAMES)):
        yield from _secrets_of(text, public)
        yield from _address_secrets(text)
    macs = [value for oid, value in rows if isinstance(value, bytes) and _is_at(oid, HARDWARE_ADDRESS)]
    for mac in (*macs, *map(_mac_of, _found(_MAC, texts))):
        yield from (_Secret(octets, _MAC_OCTETS) for octets in (mac, mac[::-1], _eui64(mac)) if _is_telling(mac))
    for text in (*_texts_of(rows, *_SERIALS), *_found(_SERIAL, texts)):
        yield from _encodings(_trimmed(text))
    for text in _found(_EMAIL, texts):
        yield from _secrets_of(text, public)
    for text in texts:
        yield from _address_secrets(text)


def _address_secrets(text: bytes) -> Iterator[_Secret]:
    for address in _IPV4.found(text):
        yield _Secret(address)
        yield _Secret(bytes(map(int, address.split(b"."))), _IPV4_OCTETS)
    for address in _IPV6.found(text):
        yield _Secret(ipaddress.IPv6Address(address.decode()).packed, _MAC_OCTETS)


def _found(pattern: _Pattern, texts: Iterable[bytes]) -> Iterator[bytes]:
    return (found for text in texts for found in pattern.found(text))


def _secrets_of(text: bytes, public: frozenset[bytes]) -> Iterator[_Secret]:
    """Yield a text in its encodings and the names in it, unless they are words of everybody."""
    names = [token for token in _TOKEN.findall(text) if not _is_public(token, public)]
    if names:
        yield from _encodings(_trimmed(text))
    yield from (_Secret(name, is_name=True) for name in names if _SHORTEST_NAME <= len(name) <= _LONGEST_SECRET)


def _trimmed(text: bytes) -> bytes:
    return _CONTROL.sub(b"", text).strip()[:_LONGEST_SECRET]


def _encodings(text: bytes) -> Iterator[_Secret]:
    """Yield a text in the encodings that it may have elsewhere; nothing of a short one."""
    if len(text) < _SHORTEST_SECRET:
        return
    yield _Secret(text)
    if not text.isascii():
        decoded = text.decode(codec_of(text))
        for codec, mask in (("utf-8", _SHAPES), ("latin-1", _SHAPES), ("utf-16-le", _WIDE_X), ("utf-16-be", _WIDE_X)):
            with suppress(UnicodeEncodeError):
                yield _Secret(decoded.encode(codec), mask)


def _mac_of(text: bytes) -> bytes:
    return bytes.fromhex(re.sub(r"\W", "", text.decode()))


def _eui64(mac: bytes) -> bytes:
    """Return what stands of a hardware address in one of IPv6 (RFC 4291, appendix A)."""
    return bytes((mac[0] ^ 2, *mac[1:3], 0xFF, 0xFE, *mac[3:])) if mac else b""


def _is_telling(mac: bytes) -> bool:
    """Tell an address from none, and from what is too short to be one."""
    return len(mac) >= _MAC_LENGTH and len(set(mac)) > 1


def _is_public(token: bytes, public: frozenset[bytes]) -> bool:
    is_short = token.isascii() and len(token) <= (_KEPT_DIGITS if token.isdigit() else _KEPT_LETTERS)
    return is_short or token.lower() in public or bool(maker_of("", token.decode("latin-1")))


def _texts_of(rows: Iterable[Row], *roots: str) -> Iterator[bytes]:
    return (_narrow(value) for oid, value in rows if isinstance(value, bytes) and _is_at(oid, *roots))


def _words_of(rows: Iterable[Row], *roots: str) -> frozenset[bytes]:
    return frozenset(token.lower() for text in _texts_of(rows, *roots) for token in _TOKEN.findall(text))


class _Secrets:
    """Finds secrets as they are and as hexadecimal text."""

    def __init__(self, secrets: Iterable[_Secret]) -> None:
        first = islice(dict.fromkeys(secrets), _MAX_SECRETS)
        found = sorted(first, key=lambda one: (-len(one.octets), one.octets, one.mask))
        self._raw = [(re.compile(one.raw_pattern()), one.masked) for one in found]
        self._hex = [(re.compile(one.hex_pattern()), one.masked_hex) for one in found if not one.is_name]
        self._numbers = dict(number for one in found for number in one.numbers())

    def masked(self, octets: bytes) -> bytes:
        """Return the octets with the secrets in them masked."""
        for pattern, mask in (*self._raw, *self._hex):
            octets = pattern.sub(mask, octets)
        return octets

    def masked_number(self, number: int) -> int:
        """Return the mask of a number that is a secret's, else the number."""
        return self._numbers.get(number, number)

    def show_in(self, *oids: str) -> bool:
        """Tell whether sub-identifiers spell a secret, or any word: a table may be indexed by names."""
        return any(map(self._shows, oids))

    def _shows(self, oid: str) -> bool:
        arcs = bytes(int(arc) if len(arc) < 4 and int(arc) < 256 else 0 for arc in oid.split("."))
        return bool(_WORD_IN_INDEX.search(arcs)) or any(pattern.search(arcs) for pattern, _ in self._raw)


# Values


def _masked(oid: str, value: Value, secrets: _Secrets) -> Value:
    if isinstance(value, int):
        return secrets.masked_number(value)
    if isinstance(value, str):
        return _masked_address(value) if is_address(value) else value
    if _is_at(oid, HARDWARE_ADDRESS):
        return value.translate(_MAC_OCTETS)
    if _is_at(oid, *_NAMES, *_SERIALS):
        return value.translate(_SHAPES)
    return _WIDE.sub(
        lambda wide: _rewiden(wide[0], _recognised(_narrow(wide[0]), secrets)), _recognised(value, secrets)
    )


def _masked_address(text: str) -> str:
    return text if text.startswith(("0.", "255.")) else text.encode().translate(_SHAPES).decode()


def _recognised(text: bytes, secrets: _Secrets) -> bytes:
    text = secrets.masked(text)
    for pattern in _PATTERNS:
        text = pattern.masked(text)
    return text


def _narrow(octets: bytes) -> bytes:
    """Return text without its NULs."""
    return octets.replace(b"\0", b"")


def _rewiden(octets: bytes, text: bytes) -> bytes:
    """Put text of the same length where the octets other than NUL are."""
    chars = iter(text)
    return bytes(octet and next(chars) for octet in octets)


def _in_words(value: Value, public: frozenset[bytes]) -> Value:
    """Mask the words that are not public; octets that are no text lose those of four characters and more."""
    if not isinstance(value, bytes):
        return value

    def known(text: bytes) -> bytes:
        return _TOKEN.sub(lambda token: token[0] if _is_public(token[0], public) else token[0].translate(_SHAPES), text)

    prefix = _HP_PREFIX if value.startswith(_HP_PREFIX) else b""
    text = value[len(prefix) :]
    if _is_text(text):
        return prefix + _rewiden(text, known(_narrow(text)))
    return _PRINTABLE.sub(
        lambda run: known(run[0]), _WIDE.sub(lambda wide: _rewiden(wide[0], known(_narrow(wide[0]))), value)
    )


def _is_text(octets: bytes) -> bool:
    """Tell text from numbers in octets; NULs may end a text, or stand in it where it has letters."""
    if _CONTROL.search(octets):
        return False
    return b"\0" not in octets.rstrip(b"\0") or bool(_LETTERS.search(_narrow(octets)))
