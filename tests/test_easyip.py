"""The Easy IP datagram: read, written again octet for octet, and refused with one error when it cannot be used."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.cameras import easyip
from exporter.cameras.easyip import PASSWORD, REASONS, Datagram, EasyIpError, Type
from exporter.cameras.model import Device

MAC = "02:00:00:00:0a:01"
HEADER_SIZE, OVERHEAD = 48, 52
MAGIC = bytes.fromhex("20111e11231f1e1913")

SEARCH = bytes.fromhex("""
0001002a000d000000000000020000000001c000020a000020111e11231f1e1913000002010000000000000000000000
fff00026002000210022002300250028004000410042004400a500a600a700a800ad00b300b400b700b8ffff0e01
""")
ANSWER = bytes.fromhex("""
000101a9000e020000000a01020000000001c000020a000020111e11231f1e1913000002020200000000000000000000
0000000102000100010000200004c000021500210004ffffff0000220004c000020100230008c0000235000000000025000200500040
0010fe80000000000000000000fffe000a01004100100000000000000000000000000000000000420020000000000000000000000000
000000000000000000000000000000000000000000440002005000450002004000a00004c000021500a10004ffffff0000a20004c000
020100a30008000000000000000000a400040000000000a600019200a700104c6f6262792d3031000000000000000000a80010455831
3233342d56310000000000000000a90010392e383700000000000000000000000000aa0010302e303000000000000000000000000000
b100280000000000000000000000000000000000000000000000000000000000000000000000000000000000b2002800000000000000
00000000000000000000000000000000000000000000000000000000000000000000b40002000100b500010000b600019200d0001000
00000000000000000000000000000000d100104558413030303031000000000000000000d30002000100d200020002ffff2c9e
""")
ANNOUNCEMENT = bytes.fromhex("""
000101750001020000000a0100000000000000000000000020111e11231f1e1913000002020000000000000000000000
0000000103000100010000200004c000021600210004ffffff0000220004c000020100230008c0000235000000000025000200500040
0010fe80000000000000000000fffe000a01004100100000000000000000000000000000000000420020000000000000000000000000
000000000000000000000000000000000000000000440002005000450002004000a00004c000021600a10004ffffff0000a20004c000
020100a30008000000000000000000a400040000000000a600019200a700104c6f6262792d3031000000000000000000a80010455831
3233342d56310000000000000000a90010392e383700000000000000000000000000aa0010302e303000000000000000000000000000
b100280000000000000000000000000000000000000000000000000000000000000000000000000000000000b2002800000000000000
00000000000000000000000000000000000000000000000000000000000000000000b40002000000b500010000b6000192ffff2652
""")
# As a recorder answers: other tags, and octet 36 zero.
RECORDER = bytes.fromhex("""
000100e1000e020000000b01020000000001c000020a000020111e11231f1e1913000002000200000000000000000000
0000000102000100010200200004c000021f00210004ffffff0000220004c000020100230008c0000235000000000025000200500030
000400000000003100040000000000400010000000000000000000000000000000000041001000000000000000000000000000000000
00420020000000000000000000000000000000000000000000000000000000000000000000a600019200a800104e5835313000000000
0000000000000000b40002000100c00002001500c10002004000d100104558523030303031000000000000000000d20002000200d400
02000100d500020003ffff17de
""")
# A PTZ camera names its model in its own way, and says nothing of a password.
PTZ_TAGS = (
    (0x00, b"\2"),
    (0x20, bytes([192, 0, 2, 41])),
    (0x25, b"\0\x50"),
    (0xA4, b"\x7f\xff\xff\xff"),
    (0xA7, b"Stage left wing\0"),
    (0xA8, b"CAM:HE130K\0\0\0\0\0\0"),
    (0xA9, b"02.0000\0\0\0\0\0\0\0\0\0"),
    (0xB4, b"\0\0"),
)

THE_CAMERA = Device(
    mac=MAC,
    address="192.0.2.21",
    netmask="255.255.255.0",
    gateway="192.0.2.1",
    port=80,
    name="Lobby-01",
    model="EX1234-V1",
    serial="EXA00001",
    firmware="9.87",
    network_mode="static",
    kind="camera",
    admin_password_set=True,
    setup_window_open=False,
)
MOVED = replace(THE_CAMERA, address="192.0.2.22", serial="", admin_password_set=None, setup_window_open=True)


def with_checksum(data: bytes) -> bytes:
    return data + ((sum(data) + 1) % 65536).to_bytes(2)


def datagram_of(body: bytes, *, length: int | None = None, kind: int = 0x0E, mac: str = "020000000a01") -> bytes:
    """Return a datagram with this body, and with this declared length where that is not the right one."""
    declared = len(body) if length is None else length
    addresses = bytes.fromhex(mac) + bytes(12)
    header = struct.pack(">HHH", 1, declared, kind) + addresses + MAGIC + bytes.fromhex("00000202") + bytes(11)
    return with_checksum(header + body + b"\xff\xff")


def said(*tags: tuple[int, bytes], kind: int = Type.ANSWER, password: int = 0) -> Device:
    """Return what is understood of an answer with these tags."""
    data = easyip.encode(Datagram(kind, device_mac=MAC, password=password, tags=tags))
    device = easyip.device(easyip.parse(data))
    assert device is not None
    return device


def reason_of(data: bytes) -> str:
    with pytest.raises(EasyIpError) as caught:
        easyip.parse(data)
    return caught.value.reason


# --- Worked examples


def test_a_search_is_built_as_the_vendors_tools_build_it() -> None:
    assert easyip.search("02:00:00:00:00:01", "192.0.2.10") == SEARCH


def test_an_answer_tells_all_of_a_camera() -> None:
    datagram = easyip.parse(ANSWER)
    assert datagram.type == Type.ANSWER
    assert (datagram.requester_mac, datagram.requester_address) == ("02:00:00:00:00:01", "192.0.2.10")
    assert (datagram.step, datagram.generation, datagram.role, datagram.password) == (0, 2, 2, 2)
    assert datagram.checksum is None
    assert len(datagram.tags) == 31
    assert easyip.device(datagram) == THE_CAMERA


def test_an_announcement_tells_of_the_camera_without_a_requester() -> None:
    datagram = easyip.parse(ANNOUNCEMENT)
    assert datagram.type == Type.ANNOUNCEMENT
    assert (datagram.requester_mac, datagram.requester_address) == (easyip.NO_MAC, "0.0.0.0")
    assert easyip.device(datagram) == MOVED


def test_a_recorder_is_told_by_its_channels() -> None:
    device = easyip.device(easyip.parse(RECORDER))
    assert device == Device(
        mac="02:00:00:00:0b:01",
        address="192.0.2.31",
        netmask="255.255.255.0",
        gateway="192.0.2.1",
        port=80,
        model="NX510",
        serial="EXR00001",
        network_mode="static",
        kind="recorder",
        admin_password_set=True,
        setup_window_open=False,
    )


def test_a_ptz_camera_says_less_and_marks_its_model() -> None:
    assert said(*PTZ_TAGS) == Device(
        mac=MAC,
        address="192.0.2.41",
        port=80,
        name="Stage left wing",
        model="HE130K",
        firmware="02.0000",
        network_mode="static",
        setup_window_open=True,
    )


@pytest.mark.parametrize("data", [SEARCH, ANSWER, ANNOUNCEMENT, RECORDER], ids=["search", "answer", "announced", "nvr"])
def test_what_was_read_is_written_again_octet_for_octet(data: bytes) -> None:
    assert easyip.encode(easyip.parse(data)) == data


@pytest.mark.parametrize(
    ("device", "header", "data"),
    [
        (
            THE_CAMERA,
            Datagram(Type.ANSWER, MAC, requester_mac="02:00:00:00:00:01", requester_address="192.0.2.10"),
            ANSWER,
        ),
        (MOVED, Datagram(Type.ANNOUNCEMENT, MAC), ANNOUNCEMENT),
    ],
    ids=["answer", "announcement"],
)
def test_a_simulated_device_sends_what_a_real_one_does(device: Device, header: Datagram, data: bytes) -> None:
    announced = header.type == Type.ANNOUNCEMENT
    password = PASSWORD[device.admin_password_set]
    datagram = replace(header, password=password, tags=easyip.tags(device, announced=announced))
    assert easyip.encode(datagram) == data


def test_a_simulated_recorder_sends_what_a_real_one_does() -> None:
    datagram = easyip.parse(RECORDER)
    device = easyip.device(datagram)
    assert device is not None
    assert easyip.tags(device) == datagram.tags


def test_a_simulated_device_leaves_out_what_it_does_not_tell_and_cuts_long_text() -> None:
    tags = dict(easyip.tags(Device(MAC)))
    assert not {0x00, 0xB4, 0xD1} & tags.keys()
    assert tags[0x20] == bytes(4)
    assert tags[0xA7] == bytes(16)
    assert dict(easyip.tags(Device(MAC, name="Osteingang 123 東")))[0xA7] == b"Osteingang 123 \xe6"
    recorder = dict(easyip.tags(Device(MAC, kind="recorder", name="never sent")))
    assert not {0xA0, 0xA1, 0xA2, 0xA7, 0xA9} & recorder.keys()
    assert recorder[0xC0] == b"\0\x15"


# --- What is accepted


@pytest.mark.parametrize("wrong", [0x0000, 0x1170, 0xFFFF, 0x2C9D])
def test_a_wrong_checksum_is_accepted_seen_and_kept(wrong: int) -> None:
    data = ANSWER[:-2] + wrong.to_bytes(2)
    datagram = easyip.parse(data)
    assert datagram.checksum == wrong
    assert easyip.encode(datagram) == data
    assert easyip.device(datagram) == THE_CAMERA


def test_unknown_tags_are_kept_and_mean_nothing() -> None:
    tags = ((0x1234, b"?"), *easyip.parse(ANSWER).tags, (0xFFFF, b""), (0x1234, b"again"))
    data = easyip.encode(replace(easyip.parse(ANSWER), tags=tags))
    assert easyip.parse(data).tags == tags
    assert easyip.device(easyip.parse(data)) == THE_CAMERA


@pytest.mark.parametrize("offset", [33, 34, 35, 36, *range(38, 48)])
def test_header_octets_without_a_known_meaning_are_kept(offset: int) -> None:
    data = bytearray(ANSWER[:-2])
    data[offset] = 0xA5
    changed = with_checksum(bytes(data))
    assert easyip.encode(easyip.parse(changed)) == changed
    assert easyip.device(easyip.parse(changed)) == THE_CAMERA


def test_the_smallest_and_the_largest_datagram_are_read() -> None:
    assert easyip.parse(datagram_of(b"", kind=Type.ACK)).tags == ()
    room = easyip.MAX_SIZE - OVERHEAD
    largest = datagram_of(struct.pack(">HH", 0x77, room - 4) + b"\xff" * (room - 4))
    assert len(largest) == 1472
    assert easyip.parse(largest).checksum is None
    assert easyip.encode(easyip.parse(largest)) == largest


@pytest.mark.parametrize("kind", [Type.CONFIGURE, Type.ACK, Type.COMMIT, Type.SEARCH, 0x00, 0x0F, 0xFFFF])
def test_only_answers_and_announcements_tell_of_a_device(kind: int) -> None:
    datagram = easyip.parse(easyip.encode(replace(easyip.parse(ANSWER), type=kind)))
    assert datagram.type == kind
    assert easyip.device(datagram) is None


# --- What is refused


@pytest.mark.parametrize(
    "data",
    [b"", b"\0", bytes(51), ANSWER[:48], ANSWER[:51], ANSWER[:52], ANSWER[:-1], datagram_of(b"", length=1)],
)
def test_a_datagram_shorter_than_it_must_be_is_truncated(data: bytes) -> None:
    assert reason_of(data) == "truncated"


@pytest.mark.parametrize(
    "data", [bytes(1473), ANSWER + bytes(1000), datagram_of(bytes(1421)), b"\xff" * 65507], ids=len
)
def test_a_datagram_longer_than_a_frame_is_oversized(data: bytes) -> None:
    assert reason_of(data) == "oversized"


@pytest.mark.parametrize(
    "data",
    [
        bytes(52),
        b"\xff" * 400,
        b"M-SEARCH * HTTP/1.1\r\nHOST: 239.255.255.250:1900\r\nMAN: ssdp:discover\r\n\r\n",
        b"\0\2" + ANSWER[2:],
        b"\1\0" + ANSWER[2:],
        ANSWER[:24] + b"panasonic" + ANSWER[33:],
        ANSWER[:32] + b"\x12" + ANSWER[33:],
        ANSWER[1:] + b"\0",
    ],
)
def test_a_datagram_of_another_protocol_is_foreign(data: bytes) -> None:
    assert reason_of(data) == "foreign"


@pytest.mark.parametrize(
    "data",
    [
        ANSWER + b"\0",
        ANSWER + ANSWER,
        ANSWER[:-4] + b"\xff\xfe" + ANSWER[-2:],
        ANSWER[:-4] + bytes(4),
        datagram_of(b"\0"),
        datagram_of(b"\0\x20\0"),
        datagram_of(b"\0\x20\0\x04"),
        datagram_of(b"\0\x20\0\x04\xc0\0\2"),
        datagram_of(b"\0\x20\0\x04\xc0\0\2\x15\0"),
        datagram_of(b"\0\x20\xff\xff\xc0\0\2\x15"),
        datagram_of(b"\0\x20\0\x04\xc0\0\2\x15", length=7),
    ],
)
def test_a_datagram_whose_lengths_do_not_agree_is_contradictory(data: bytes) -> None:
    assert reason_of(data) == "contradictory"


@pytest.mark.parametrize("mac", ["000000000000", "ffffffffffff", "01005e7f0001", "030000000a01"])
@pytest.mark.parametrize("kind", [Type.ANSWER, Type.ANNOUNCEMENT])
def test_nobody_is_a_device_whose_mac_is_zero_or_of_a_group(mac: str, kind: int) -> None:
    datagram = easyip.parse(datagram_of(b"", kind=kind, mac=mac))
    with pytest.raises(EasyIpError) as caught:
        easyip.device(datagram)
    assert caught.value.reason == "contradictory"


# --- What is understood


@pytest.mark.parametrize(
    ("octets", "mode"),
    [
        (b"\0", "dhcp"),
        (b"\1", "unknown(1)"),
        (b"\2", "static"),
        (b"\3", "static"),
        (b"\4", "auto"),
        (b"\5", "auto_advanced"),
        (b"\xff", "unknown(255)"),
        (b"", ""),
        (b"\0\2", ""),
    ],
)
def test_the_network_mode_is_read_in_both_of_its_codings(octets: bytes, mode: str) -> None:
    assert said((0x00, octets)).network_mode == mode
    assert said((0x00, octets), kind=Type.ANNOUNCEMENT).network_mode == mode


def test_static_is_written_as_answers_and_announcements_have_it() -> None:
    device = Device(MAC, network_mode="static")
    assert dict(easyip.tags(device))[0x00] == b"\2"
    assert dict(easyip.tags(device, announced=True))[0x00] == b"\3"


@pytest.mark.parametrize(("octet", "is_set"), [(0, None), (1, False), (2, True), (3, None), (255, None)])
def test_the_password_is_set_not_set_or_not_told(octet: int, is_set: bool | None) -> None:
    assert said(password=octet).admin_password_set is is_set


@pytest.mark.parametrize(
    ("octets", "is_open"), [(b"\0\0", True), (b"\0\1", False), (b"\0\2", None), (b"\1\0", None), (b"\0", None)]
)
def test_the_setup_window_is_open_closed_or_not_told(octets: bytes, is_open: bool | None) -> None:
    assert said((0xB4, octets)).setup_window_open is is_open


@pytest.mark.parametrize(
    ("tags", "kind"),
    [
        ((), "camera"),
        (((0xA6, b"\x92"),), "camera"),
        (((0xC0, b"\0\x15"),), "recorder"),
        (((0xC0, b""),), "camera"),
        (((0xA8, b"NX510"),), "recorder"),
        (((0xA8, b"WJ-NX400K"),), "recorder"),
        (((0xA8, b"WV-X1"),), "camera"),
        (((0xA8, b"X-NX"),), "camera"),
    ],
)
def test_a_recorder_is_known_by_its_channels_or_its_model(tags: tuple[tuple[int, bytes], ...], kind: str) -> None:
    assert said(*tags).kind == kind


def test_what_is_zero_or_absent_is_not_said() -> None:
    zero = said((0x20, bytes(4)), (0x21, bytes(4)), (0x22, bytes(4)), (0x25, bytes(2)), (0xA7, bytes(16)))
    assert zero == said() == Device(MAC)


@pytest.mark.parametrize("tag", [0x20, 0x21, 0x22, 0x25])
@pytest.mark.parametrize("length", [0, 1, 3, 5, 16])
def test_a_number_of_another_length_counts_as_absent(tag: int, length: int) -> None:
    assert said((tag, b"\1" * length)) == Device(MAC)


def test_of_several_tags_alike_the_first_that_makes_sense_counts() -> None:
    first, second = bytes([192, 0, 2, 1]), bytes([192, 0, 2, 2])
    assert said((0x20, first), (0x20, second)).address == "192.0.2.1"
    assert said((0x20, b"?"), (0x20, second), (0x20, first)).address == "192.0.2.2"
    assert said((0xB4, b"\0"), (0xB4, b"\0\1"), (0xB4, b"\0\0")).setup_window_open is False
    assert said((0xA7, b""), (0xA7, b"Door")).name == ""


@pytest.mark.parametrize(
    ("field", "text"),
    [
        (b"", ""),
        (bytes(16), ""),
        (b"Door".ljust(16, b"\0"), "Door"),
        (b"Door\0Window\0\0\0\0\0", "Door"),
        (b"\0Door".ljust(16, b"\0"), ""),
        (b"  Door  1 \0\0\0\0\0\0", "Door 1"),
        (b"Do\x07or\x1b[1m\x7f\0\0\0\0\0", "Door[1m"),
        (b"Up\r\nDown\0\0\0\0\0\0\0\0", "Up Down"),
        ("\u202eDoor\u200b".encode().ljust(16, b"\0"), "Door"),
        ("Küche".encode().ljust(16, b"\0"), "Küche"),
        ("出入口".encode().ljust(16, b"\0"), "出入口"),
        # Shift-JIS, Latin-1: not UTF-8, so what is not valid is replaced
        (b"\x8fo\x93\xfc\x8c\xfb\0\0\0\0\0\0\0\0\0\0", "\ufffdo\ufffd\ufffd\ufffd\ufffd"),
        (b"Caf\xe9\0\0\0\0\0\0\0\0\0\0\0\0", "Caf\ufffd"),
        (b"\xff" * 3 + bytes(13), "\ufffd" * 3),
        # cut by the camera within a character, with a last NUL and without
        ("東側の玄関ホール".encode()[:16], "東側の玄関"),
        ("Osteingang 東門".encode()[:15] + b"\0", "Osteingang 東"),
        ("Osteingang 12東".encode()[:15] + b"\0", "Osteingang 12"),
        (b"exactly sixteen!", "exactly sixteen!"),
        ("x" * 300 + "ü", "x" * 128),
    ],
)
def test_text_ends_at_the_first_nul_and_is_safe_to_show(field: bytes | str, text: str) -> None:
    octets = field.encode() if isinstance(field, str) else field
    device = said(*((tag, octets) for tag in (0xA7, 0xA8, 0xA9, 0xD1)))
    assert (device.name, device.model, device.firmware, device.serial) == (text, text, text, text)


# --- What a simulated device hears


OLD_TAGS = bytes.fromhex("002000210022002300250028004000410042004400600061008000810082008300a500a6")


@pytest.mark.parametrize(
    "data",
    [
        SEARCH,
        SEARCH[:-2] + b"\x11\x70",
        SEARCH[:-2],
        # the count of the tags for the length, as a program of the BL cameras' time writes it
        SEARCH[:2] + b"\0\x1e" + SEARCH[4:33] + bytes(15) + b"\xff\xf0\0\x1e" + OLD_TAGS + b"\xff\xff\x10\x20",
        # shifted by one octet, and ending too early
        SEARCH[:47] + SEARCH[48:94],
        SEARCH[:48],
    ],
    ids=["right", "checksum", "no checksum", "count for length", "shifted", "header only"],
)
def test_a_search_is_understood_whoever_sent_it(data: bytes) -> None:
    assert easyip.requester_of(data) == ("02:00:00:00:00:01", "192.0.2.10")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        SEARCH[:47],
        bytes(94),
        ANSWER,
        ANNOUNCEMENT,
        datagram_of(b"", kind=Type.CONFIGURE),
        b"\0\2" + SEARCH[2:],
        SEARCH[:24] + b"panasonic" + SEARCH[33:],
        SEARCH + bytes(1400),
    ],
)
def test_nothing_but_a_search_has_a_requester(data: bytes) -> None:
    assert easyip.requester_of(data) is None


# --- Whatever comes

EXAMPLES = (SEARCH, ANSWER, ANNOUNCEMENT, RECORDER)
SHORTS = st.one_of(st.sampled_from([0, 1, 3, 4, 16, 0x00E1, 0x01A9, 0x0175, 0xFFF0, 0xFFFF]), st.integers(0, 0xFFFF))


def flipped(data: bytes, draw: st.DrawFn, at: int) -> bytes:
    return data[:at] + draw(st.binary(min_size=1, max_size=1)) + data[at + 1 :]


def with_short(data: bytes, draw: st.DrawFn, at: int) -> bytes:
    return data[:at] + draw(SHORTS).to_bytes(2) + data[at + 2 :]


def inserted(data: bytes, draw: st.DrawFn, at: int) -> bytes:
    return data[:at] + draw(st.binary(min_size=1, max_size=40)) + data[at:]


def deleted(data: bytes, draw: st.DrawFn, at: int) -> bytes:
    return data[:at] + data[at + draw(st.integers(1, 40)) :]


def truncated(data: bytes, draw: st.DrawFn, at: int) -> bytes:
    return data[:at]


def spliced(data: bytes, draw: st.DrawFn, at: int) -> bytes:
    return data[:at] + draw(st.sampled_from(EXAMPLES))[draw(st.integers(0, 400)) :]


def made_consistent(data: bytes, draw: st.DrawFn, at: int) -> bytes:
    """Mend length, terminator and checksum, so that the body is reached."""
    body = data[HEADER_SIZE:-4]
    return with_checksum(data[:2] + len(body).to_bytes(2) + data[4:HEADER_SIZE] + body + b"\xff\xff")


CHANGES = (flipped, with_short, inserted, deleted, truncated, spliced, made_consistent)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = draw(st.sampled_from(EXAMPLES))
    for change in draw(st.lists(st.sampled_from(CHANGES), min_size=1, max_size=4)):
        data = change(data, draw, draw(st.integers(0, len(data))))
    return made_consistent(data, draw, 0) if len(data) >= OVERHEAD and draw(st.booleans()) else data


BODIES = st.binary(max_size=300).map(datagram_of)
ANYTHING = st.one_of(mutated(), BODIES, st.binary(max_size=1600))


def parsed(data: bytes) -> Datagram | EasyIpError:
    try:
        return easyip.parse(data)
    except EasyIpError as error:
        return error


@settings(deadline=None, max_examples=2000)
@given(ANYTHING)
def test_any_octets_are_refused_with_the_one_error_or_written_again_as_they_were(data: bytes) -> None:
    easyip.requester_of(data)
    outcome = parsed(data)
    if isinstance(outcome, EasyIpError):
        assert outcome.reason in REASONS
        return
    assert easyip.encode(outcome) == data
    with suppress(EasyIpError):
        device = easyip.device(outcome)
        assert (device is None) == (outcome.type not in (Type.ANSWER, Type.ANNOUNCEMENT))
        for text in (device.name, device.model, device.serial, device.firmware) if device else ():
            assert len(text) <= 128
            assert text.isprintable()


@contextmanager
def counted_steps() -> Iterator[list[int]]:
    """Count the tags that are looked at."""
    steps: list[int] = []

    class Counting(struct.Struct):
        def unpack_from(self, buffer: Any, offset: int = 0) -> tuple[Any, ...]:
            steps.append(offset)
            return super().unpack_from(buffer, offset)

    with patch.object(easyip, "_TAG", Counting(">HH")):
        yield steps


@settings(deadline=None, max_examples=500)
@given(ANYTHING)
def test_reading_takes_no_more_steps_than_tags_fit_into_the_octets(data: bytes) -> None:
    with counted_steps() as steps, suppress(EasyIpError):
        easyip.parse(data)
    assert len(steps) <= len(data) // 4


@pytest.mark.parametrize(
    ("body", "expected"), [(bytes(1420), 355), (b"\0\0\xff\xff" * 300, 1), (b"\0\0\0\4" * 300, 150)]
)
def test_empty_tags_and_lying_ones_cost_a_step_each(body: bytes, expected: int) -> None:
    with counted_steps() as steps, suppress(EasyIpError):
        easyip.parse(datagram_of(body))
    assert len(steps) == expected


OCTETS = st.integers(0, 255)
MACS = st.binary(min_size=6, max_size=6).map(lambda octets: octets.hex(":"))
ADDRESSES = st.ip_addresses(v=4).map(str)
DATAGRAMS = st.builds(
    Datagram,
    type=st.integers(0, 0xFFFF),
    device_mac=MACS,
    requester_mac=MACS,
    requester_address=ADDRESSES,
    step=st.integers(0, 0xFFFF),
    generation=OCTETS,
    role=OCTETS,
    password=OCTETS,
    reserved=st.binary(min_size=12, max_size=12),
    tags=st.lists(st.tuples(st.integers(0, 0xFFFF), st.binary(max_size=60)), max_size=20).map(tuple),
)


@settings(deadline=None)
@given(DATAGRAMS)
def test_every_datagram_is_read_as_it_was_written(datagram: Datagram) -> None:
    data = easyip.encode(datagram)
    assert easyip.parse(data) == datagram
    assert int.from_bytes(data[-2:]) == (sum(data[:-2]) + 1) % 65536


TEXTS = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=16)
MODES = st.sampled_from(["", "static", "dhcp", "auto", "auto_advanced", "unknown(1)", "unknown(255)"])


@settings(deadline=None)
@given(
    st.builds(
        Device,
        mac=st.just(MAC),
        address=ADDRESSES.map(lambda address: "" if address == "0.0.0.0" else address),
        port=st.one_of(st.none(), st.integers(1, 0xFFFF)),
        name=TEXTS,
        model=TEXTS.map(lambda text: f"X{text}"[:16]),
        serial=TEXTS,
        firmware=TEXTS,
        network_mode=MODES,
        admin_password_set=st.sampled_from([None, False, True]),
        setup_window_open=st.sampled_from([None, False, True]),
    ),
    st.booleans(),
)
def test_a_simulated_camera_is_heard_as_what_it_is(device: Device, announced: bool) -> None:
    kind = Type.ANNOUNCEMENT if announced else Type.ANSWER
    tags = easyip.tags(device, announced=announced)
    password = PASSWORD[device.admin_password_set]
    heard = easyip.parse(easyip.encode(Datagram(kind, device.mac, password=password, tags=tags)))
    assert easyip.device(heard) == device
