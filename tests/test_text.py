"""Text that devices send becomes one harmless line, whatever its charset and whatever is said of it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.printers.names import CHARSETS
from exporter.printers.text import clean, unique

TEXTS = st.one_of(st.binary(max_size=600), st.text(st.characters(), max_size=300), st.integers(), st.none())


@pytest.mark.parametrize(
    ("mib_enum", "octets", "text"),
    [
        (3, b"Black Toner", "Black Toner"),
        (4, b"Schwarz f\xfcr", "Schwarz für"),
        (5, b"\xaf\xf3\xb3ty", "Żółty"),
        (8, b"\xc2\xde\xdd\xd5\xe0", "Тонер"),
        (12, b"sar\xfd", "sar\u0131"),
        (17, b"\x83g\x83i\x81[", "トナー"),
        (18, b"\xa5\xc8\xa5\xca\xa1\xbc", "トナー"),
        (38, b"\xc5\xe4\xb3\xca", "토너"),
        (39, b"\x1b$B%H%J!<\x1b(B", "トナー"),
        (106, b"\xe9\xbb\x91\xe8\x89\xb2", "黑色"),
        (111, b"1 \xa4", "1 €"),
        (113, b"\xba\xda\xb7\xdb", "黑粉"),
        (114, b"\xba\xda\xb7\xdb", "黑粉"),
        (1000, b"\0T\0o\0n\0e\0r", "Toner"),
        (1013, b"\x9e\xd1\x82\x72", "黑色"),
        (1014, b"T\0o\0n\0e\0r\0", "Toner"),
        (1015, b"\xff\xfeT\0o\0n\0e\0r\0", "Toner"),
        (2004, b"gr\xcfn", "grün"),
        (2009, b"gr\x81n", "grün"),
        (2011, b"gr\x81n", "grün"),
        (2024, b"\x83g\x83i\x81[", "トナー"),
        (2025, b"\xba\xda\xb7\xdb", "黑粉"),
        (2026, b"\xb6\xc2\xaf\xbb", "黑粉"),
        (2027, b"gr\x9fn", "grün"),
        (2084, b"\xf4\xcf\xce\xc5\xd2", "Тонер"),
        (2109, b"\xcb\xc1\xd6\xa1", "หมึก"),
        (2250, b"\xaf\xf3\xb3ty", "Żółty"),
        (2251, b"\xd2\xee\xed\xe5\xf0", "Тонер"),
        (2252, b"1 \x80", "1 €"),
        (2259, b"\xcb\xc1\xd6\xa1", "หมึก"),
    ],
)
def test_text_is_read_by_the_charset_that_the_device_declares(mib_enum: int, octets: bytes, text: str) -> None:
    assert clean(octets, mib_enum) == text


@pytest.mark.parametrize(
    ("mib_enum", "octets", "text"),
    [
        (2004, b"gr\xc3\xbcn", "grün"),  # Brother declares HP-Roman8 and sends UTF-8
        (17, b"gr\xc3\xbcn", "grün"),
        (3, b"gr\xc3\xbcn", "grün"),
        (0, b"gr\xc3\xbcn", "grün"),
        (106, b"gr\xfcn", "grün"),
        (3, b"gr\xfcn", "grün"),
        (113, b"gr\xfc", "grü"),
        (0, b"gr\xfcn", "grün"),
        (99_999, b"gr\xfcn", "grün"),
        (-1, b"gr\xfcn", "grün"),
    ],
)
def test_valid_utf_8_wins_over_a_wrong_declaration_and_latin_1_is_the_last_resort(
    mib_enum: int, octets: bytes, text: str
) -> None:
    assert clean(octets, mib_enum) == text


@pytest.mark.parametrize(
    ("mib_enum", "octets", "text"),
    [
        (106, "Cartouche récupérée".encode()[:-2], "Cartouche récupér"),
        (106, "黑色碳粉盒".encode()[:-1], "黑色碳粉"),
        (2004, "黑色碳粉盒".encode()[:-2], "黑色碳粉"),
        (17, "ブラック".encode("shift_jis")[:-1], "ブラッ"),
        (106, "Toner usagé".encode("latin-1"), "Toner usagé"),  # the last octet could begin a character of UTF-8
        (106, "Gelbé".encode()[:-1], "GelbÃ"),  # and so could this one: of the two, nobody can tell
    ],
)
def test_text_that_an_agent_cut_off_within_a_character_keeps_its_charset(
    mib_enum: int, octets: bytes, text: str
) -> None:
    assert clean(octets, mib_enum) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (b"", ""),
        (17, ""),
        (2**64, ""),
        ("1.3.6.1.4.1.11", "1.3.6.1.4.1.11"),
        (b"Black Cartridge\0\0\0", "Black Cartridge"),
        (b"Bl\0ack", "Black"),
        (b"\x01\x15Ready", "Ready"),  # HP's symbol-set prefix
        (b"  Tray 1 \r\n", "Tray 1"),
        (b"Load\r\nTray 1\tA4", "Load Tray 1 A4"),
        (b"a\x1b[31mb\x7f", "a[31mb"),
        (b"gr\xfcn\x85\x9f", "grün"),  # C1 control characters of Latin-1
        ("a\u202eb\u2066c\u200fd\u200be\ufefff", "abcdef"),  # bidi marks, zero width space, byte order mark
        ("a\u2028b\u2029c", "abc"),
        ("a\ud800b\udfffc", "abc"),
        ("a\ue000b\uffffc", "abc"),
        ("Toner\u00a0\u3000 schwarz", "Toner schwarz"),
        ("ink 🖨 drop", "ink 🖨 drop"),
        ('say "hi" \\n', 'say "hi" \\n'),
        (b"x" * 129, "x" * 128),
        (b"x" * 127 + b" yz", "x" * 127),
        ("黑" * 300, "黑" * 128),
        (b"\xe9\xbb\x91" * 300, "黑" * 128),  # 900 octets: a cut between octets would spoil the charset
        (b"x" * 60_000, "x" * 128),
    ],
)
def test_text_is_one_printable_line_of_at_most_128_characters(value: bytes | str | int | None, text: str) -> None:
    assert clean(value) == text


@settings(deadline=None)
@given(TEXTS, st.one_of(st.sampled_from(sorted(CHARSETS)), st.integers()))
def test_whatever_a_device_sends_is_safe_to_show(value: bytes | str | int | None, mib_enum: int) -> None:
    text = clean(value, mib_enum)
    assert len(text) <= 128
    assert text.isprintable()
    assert text == text.strip()
    assert text.encode().decode() == text
    assert clean(text) == text


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([], []),
        (["A", "B"], ["A", "B"]),
        (["A", "A", "B", "A"], ["A", "A 2", "B", "A 3"]),
        (["A 2", "A", "A"], ["A 2", "A", "A 3"]),
        (["", ""], ["", " 2"]),
        (["x" * 128, "x" * 128], ["x" * 128, "x" * 126 + " 2"]),
    ],
)
def test_equal_labels_are_numbered_in_order(labels: list[str], expected: list[str]) -> None:
    assert unique(labels) == expected


@settings(deadline=None)
@given(st.lists(st.sampled_from(["A", "A 2", "A 2 2", "x" * 128, "x" * 126 + " 2"]), max_size=12))
def test_labels_never_clash_nor_grow_too_long(labels: list[str]) -> None:
    result = unique(labels)
    assert len(result) == len(labels) == len(set(result))
    assert all(len(label) <= 128 for label in result)


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"42 6C 61 63 6B 20 54 6F 6E 65 72", "Black Toner"),
        (b"42 6c 61 63 6b 20 54 6f 6e 65 72 00 00", "Black Toner"),
        ("43 61 72 74 6F 75 63 68 65 20 E9", "Cartouche \N{LATIN SMALL LETTER E WITH ACUTE}"),
        (b"E9 BB 91 E8 89 B2 E3 83 88 E3 83 8A E3 83 BC", "\u9ed1\u8272\u30c8\u30ca\u30fc"),
        (b"42 6C 61 63 6B \n20 54 6F 6E 65 72\0", "Black Toner"),
        (" ".join(["E9 BB 91"] * 60), "\u9ed1" * 60),  # longer than what may be shown of it
    ],
)
def test_text_that_was_sent_as_a_dump_in_hex_is_read(sent: bytes | str, said: str) -> None:
    assert clean(sent) == said


@pytest.mark.parametrize(
    "text",
    [
        "20 30 40 50",
        "41 42 43 44",
        "31 32 33 34 35 36",
        "42 6C 61 63 6B 07",
        "01 02 03 04 05 06",
        "00:11:22:AA:BB:CC",
        "AA BB CC",
        "11 22 33 44 55",
    ],
)
def test_what_only_looks_like_a_dump_stays(text: str) -> None:
    assert clean(text) == text
