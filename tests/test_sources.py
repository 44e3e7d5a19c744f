"""What print servers told and which names were chosen: how it ages, what survives a restart, what bounds it."""

import logging
from collections.abc import Mapping

import pytest

from exporter import config
from exporter.config import Config
from exporter.discovery import sources
from exporter.discovery.files import Read, parse
from exporter.discovery.found import Found
from exporter.discovery.sources import ALL, LISTING, TOLD, Sources, key_of, of_name
from exporter.state import Key

DC3, DC4 = "windows://dc3", "windows://dc4"
AT, DAY = 1_790_000_000.0, 86_400.0


def configured(printers: str = "[]", *urls: str) -> Config:
    servers = ", ".join(f"{{ url: '{url}' }}" for url in urls or (DC3, DC4))
    return config.parse(f"printers: {printers}\ndiscovery: {{ print_servers: [{servers}] }}\n")


def tell(of: Sources, *printers: Found, url: str = DC3, at: float = AT) -> None:
    of.told(url, printers, at, addresses={}, forget_after=7 * DAY)


def taken(of: Sources, by: Config | None = None, files: Mapping[str, Read] | None = None) -> dict[str, float | None]:
    """Return the printers by name, with since when none tells of them."""
    of.take(by or configured(), files or {}, {}, AT)
    return {printer.name: printer.origin.vanished for printer in of.inventory.printers}


def restarted(of: Sources, kept: dict[Key, str] | None = None) -> Sources:
    """Return what a new process makes of what is kept, and put into `kept` what is new."""
    kept = {} if kept is None else kept
    for piece in of.changes():
        for key, text in piece.documents.items():
            if text is None:
                kept.pop(key)
            else:
                kept[key] = text
    return Sources(kept)


HP, HALL = Found("HP", "10.0.0.1", model="M404"), Found("Hall", "10.0.0.2", location="B1")


def test_a_printer_of_which_its_server_no_longer_tells_stays_a_while_marked_and_then_goes() -> None:
    of = Sources()
    tell(of, HP, HALL)
    assert taken(of) == {"HP": None, "Hall": None}
    tell(of, HP, at=AT + 1)
    tell(of, HP, at=AT + 7 * DAY)
    assert taken(of) == {"HP": None, "Hall": AT + 1}
    tell(of, HP, at=AT + 1 + 7 * DAY)
    assert taken(of) == {"HP": None}


def test_one_that_is_told_of_again_is_as_if_it_never_went() -> None:
    of = Sources()
    for printers in ((HP, HALL), (HP,), (HP, HALL)):
        tell(of, *printers)
    assert taken(of) == {"HP": None, "Hall": None}


def test_nothing_ages_while_a_server_is_silent() -> None:
    of = Sources()
    tell(of, HP)
    tell(of, at=AT + 1)
    tell(of, HALL, url=DC4, at=AT + 90 * DAY)
    assert taken(of) == {"HP": AT + 1, "Hall": None}


def test_what_was_told_and_since_when_it_is_gone_survives_a_restart() -> None:
    of = Sources()
    tell(of, HP, HALL)
    tell(of, HALL, at=AT + 5)
    before = taken(of)
    assert taken(restarted(of)) == before == {"Hall": None, "HP": AT + 5}


def test_a_chosen_name_survives_a_restart_though_the_other_one_goes_meanwhile() -> None:
    of = Sources()
    tell(of, HP)
    assert list(taken(of, configured("[{ name: HP, host: 10.0.0.9 }]"))) == ["HP", "HP (10.0.0.1)"]
    assert list(taken(restarted(of))) == ["HP (10.0.0.1)"]


def test_a_server_that_left_the_config_takes_its_printers_along_and_the_state_forgets_them() -> None:
    of, kept = Sources(), dict[Key, str]()
    tell(of, HP)
    taken(of)
    restarted(of, kept)
    assert key_of(DC3, HP) in kept
    assert taken(of, configured("[]", DC4)) == {}
    restarted(of, kept)
    assert kept.keys() == {(LISTING, ALL)}


def test_the_first_start_is_remembered_though_there_is_no_printer_yet() -> None:
    of, by = Sources(), configured()
    assert of.take(by, {}, {}, AT) is None
    assert restarted(of).take(by, {}, {}, AT) == []


def test_nothing_is_written_when_nothing_changed() -> None:
    of, kept = Sources(), dict[Key, str]()
    for _ in range(2):
        tell(of, HP, HALL)
        taken(of)
        before = dict(kept)
        restarted(of, kept)
    assert kept == before
    assert list(of.changes()) == []


def test_the_text_of_a_file_is_kept_until_the_file_goes() -> None:
    of, kept, text = Sources(), dict[Key, str](), "- { name: A, host: 10.0.0.5 }\n"
    by = configured()
    taken(of, by, {"b1.yaml": Read("b1.yaml", (1, 1, 1), parse(text, "b1.yaml", by.shared), text)})
    assert restarted(of, kept).files["b1.yaml"].text == text
    taken(of, by, {})
    assert restarted(of, kept).files == {}


def test_a_printer_that_another_program_drops_is_gone_at_once() -> None:
    told: list[bool] = []
    of = Sources(on_change=lambda: told.append(True))
    tell(of, HP, HALL)
    of.forget(key_of(DC3, HP))
    of.forget(key_of(DC4, HP))
    assert (told, taken(of)) == ([True], {"Hall": None})


def test_a_printer_is_dropped_under_all_hosts_by_which_servers_know_it_before_it_was_ever_asked() -> None:
    of, kept = Sources(), dict[Key, str]()
    by = config.parse(f"printer_defaults: {{ protocol: ipp }}\ndiscovery: {{ print_servers: [{{ url: '{DC3}' }}] }}\n")
    of.told(DC3, [Found("HP", "hp"), HALL, HP], AT, addresses={"hp": "10.0.0.1"}, forget_after=DAY)
    assert list(taken(of, by)) == ["HP", "Hall"]
    restarted(of, kept)
    assert of_name(kept, "HP").keys() == {key_of(DC3, HP), key_of(DC3, Found("HP", "hp"))}
    assert of.drop("HP")
    assert list(taken(of, by)) == ["Hall"]
    assert not of.drop("HP")


@pytest.mark.parametrize(
    ("key", "text", "reason"),
    [
        ((TOLD, "x"), "nonsense", "printer x: .*Invalid JSON"),
        ((TOLD, "x"), '["u", {"found": {"name": "A"}}]', r"printer x: 1.found.host: Field required"),
        ((LISTING, ALL), '{"10.0.0.1 161": {}}', "inventory: 10.0.0.1 161.name: Field required"),
    ],
)
def test_what_was_never_written_there_is_refused(key: Key, text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        Sources({key: text})


# ---- what a server may tell


def test_words_are_made_fit_for_labels() -> None:
    of = Sources()
    tell(of, Found("  H\x00P\u202e\n 3 " + "x" * 500, "10.0.0.1", location="B\t1\x1b"), Found("\x00", "10.0.0.2"))
    taken(of)
    first, second = of.inventory.printers
    assert (first.name[:6], len(first.name), first.origin.location) == ("HP 3 x", 128, "B 1")
    assert second.name == "10.0.0.2"


def test_what_is_no_host_is_left_out_and_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    of = Sources()
    for minute in range(3):
        bad = [Found("B", host) for host in ("", "a b", "10.0.0.300", "x" * 300, "../etc", "[::1", "a\nb")]
        tell(of, HP, *bad, Found("C", "10.0.0.3", port=70_000), at=AT + 60 * minute)
        assert list(taken(of)) == ["HP"]
    (line,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert (line.message, vars(line)["server"], vars(line)["without_host"]) == (
        "printers of a print server are left out",
        DC3,
        8,
    )


def test_a_server_that_invents_printers_fills_neither_the_inventory_nor_the_memory(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sources, "MAX_TOLD", 10)
    of = Sources()
    tell(of, HALL, url=DC4)
    for turn in range(5):
        tell(of, *(Found(f"{turn}-{n}", f"10.{turn}.0.{n}") for n in range(50)), at=AT + turn)
    assert len(taken(of)) == 10
    assert "Hall" in taken(of)
    assert [vars(record)["beyond_limit"] for record in caplog.records] == [41]


def test_one_host_under_several_names_keeps_the_name_that_it_had_whatever_the_order() -> None:
    of, again = Sources(), Found("HP again", "10.0.0.1")
    for printers in ((HP, again), (again, HP), (again, HP)):
        tell(of, *printers)
        assert list(taken(of)) == ["HP"]
    tell(of, again)
    assert list(taken(of)) == ["HP again"]


def test_servers_that_differ_are_logged_once_and_again_when_they_differ_anew(caplog: pytest.LogCaptureFixture) -> None:
    of = Sources()
    tell(of, HP)
    for name in ("hp", "hp", "HP", "hp"):
        tell(of, Found(name, "10.0.0.1"), url=DC4)
        taken(of)
    differ = [str(vars(record)["conflict"]) for record in caplog.records]
    assert differ == [f"{DC3} and {DC4} tell another name of the printer HP: the first counts"] * 2


def test_an_address_that_was_found_stays_known_while_the_name_cannot_be_looked_up() -> None:
    of, by = Sources(), configured("[{ name: A, host: 10.0.0.1 }]")
    for addresses in ({"hp": "10.0.0.1"}, {}):
        of.told(DC3, [Found("B", "hp")], AT, addresses=addresses, forget_after=DAY)
        assert list(taken(of, by)) == ["A"]
    assert list(taken(restarted(of), by)) == ["A"]
