"""One inventory out of the config, files and print servers: who counts, what names come of it, and what changed."""

from collections.abc import Mapping

import pytest

from exporter import config
from exporter.config import Config, Origin, Printer
from exporter.discovery.files import parse
from exporter.discovery.found import Found
from exporter.discovery.inventory import Change, Inventory, Listing, Told, changes, identity, merged

DC3, DC4 = "windows://dc3", "windows://dc4"


def configured(text: str = "printers: []\n", *, servers: str = f"{{ url: '{DC3}' }}, {{ url: '{DC4}' }}") -> Config:
    return config.parse(f"{text}discovery: {{ print_servers: [{servers}] }}\n")


def inventory(
    of: Config,
    *told: tuple[str, Told],
    files: str = "[]",
    remembered: Mapping[str, Listing] | None = None,
    addresses: Mapping[str, str] | None = None,
) -> Inventory:
    """Return what comes of a config, one file and what its servers tell."""
    by_server = {url: [each for server, each in told if server == url] for url, _ in told}
    listed = parse(files, "b1.yaml", of.shared)
    return merged(of, listed, by_server, remembered=remembered or {}, addresses=addresses or {})


def told(name: str, host: str, url: str = DC3, **more: object) -> tuple[str, Told]:
    address, gone = more.pop("address", ""), more.pop("gone", None)
    return url, Told(Found(name, host, **more), str(address), gone)  # type: ignore[arg-type]


def names(of: Inventory) -> list[str]:
    return [printer.name for printer in of.printers]


def the_one(of: Inventory) -> Printer:
    (printer,) = of.printers
    return printer


WRITTEN = """\
snmp: { credentials: { default: { version: 2c, community: a }, own: { version: 2c, community: b } } }
printers: [{ name: Accounting, host: 10.0.0.1, location: B1, credentials: own }]
"""


def test_what_a_person_wrote_keeps_name_location_and_credentials() -> None:
    both = inventory(configured(WRITTEN), told("HP-3F", "10.0.0.1", location="B9"), files="[{name: X, host: 10.0.0.1}]")
    assert the_one(both) == configured(WRITTEN).printers[0]


def test_the_config_comes_before_files_and_files_before_print_servers() -> None:
    of = configured("printers: [{ name: A, host: 10.0.0.1 }]\n")
    all_of = inventory(of, told("C", "10.0.0.3"), told("B too", "10.0.0.2"), files="[{name: B, host: 10.0.0.2}]")
    assert [(printer.name, printer.origin) for printer in all_of.printers] == [
        ("A", Origin()),
        ("B", Origin("file", "b1.yaml")),
        ("C", Origin("print_server", DC3)),
    ]


@pytest.mark.parametrize(
    ("listed", "found", "is_same"),
    [
        ("10.0.0.1", {"host": "10.0.0.1"}, True),
        ("10.0.0.1:1161", {"host": "10.0.0.1"}, True),
        ("10.0.0.1", {"host": "10.0.0.1", "port": 1161}, False),
        ("10.0.0.1:1161", {"host": "10.0.0.1", "port": 1161}, True),
        ("Hp3.Example.com.", {"host": "hp3.example.com"}, True),
        ("2001:db8::1", {"host": "2001:DB8:0::1"}, True),
        ("10.0.0.1", {"host": "hp3", "address": "10.0.0.1"}, True),
        ("10.0.0.1", {"host": "hp3", "address": "10.0.0.2"}, False),
        ("hp9", {"host": "10.0.0.9"}, True),
    ],
)
def test_a_host_in_two_sources_is_one_device_however_it_is_spelled(
    listed: str, found: dict[str, object], *, is_same: bool
) -> None:
    of = configured(f'printers: [{{ name: A, host: "{listed}" }}]\n')
    both = inventory(of, told("B", **found), addresses={identity("hp9", 161): "10.0.0.9"})  # type: ignore[arg-type]
    assert names(both) == (["A"] if is_same else ["A", "B"])


def test_the_address_of_a_listed_host_is_known_from_before_the_restart() -> None:
    of = configured("printers: [{ name: A, host: hp9 }]\n")
    before = inventory(of, addresses={identity("hp9", 161): "10.0.0.9"})
    assert names(inventory(of, told("B", "10.0.0.9"), remembered=before.listings)) == ["A"]
    moved = {identity("hp9", 161): "10.0.0.8"}
    after = inventory(of, told("B", "10.0.0.9"), remembered=before.listings, addresses=moved)
    assert names(after) == ["A", "B"], "it is elsewhere now"


def test_several_servers_that_share_a_printer_give_one_device() -> None:
    of = configured()
    shared = inventory(of, told("HP", "10.0.0.1"), told("HP", "10.0.0.1", DC4), told("HP", "hp", address="10.0.0.1"))
    assert names(shared) == ["HP"]
    assert shared.conflicts == ()


def test_servers_that_know_one_host_by_different_addresses_give_one_device() -> None:
    for addresses in (("10.0.0.1", ""), ("", "10.0.0.1"), ("10.0.0.1", "10.0.0.2")):
        first, second = (told("HP", "hp3", url, address=at) for url, at in zip((DC3, DC4), addresses, strict=True))
        assert names(inventory(configured(), first, second)) == ["HP"]
        in_all = inventory(configured(), first, second, told("HP", addresses[1] or addresses[0]))
        assert names(in_all) == ["HP"]


def test_two_queues_of_one_server_do_not_differ_with_each_other() -> None:
    shared = inventory(configured(), told("HP", "10.0.0.1"), told("HP A3", "hp", address="10.0.0.1"))
    assert names(shared) == ["HP"]
    assert shared.conflicts == ()


def test_where_servers_differ_the_first_of_the_config_counts() -> None:
    of = configured(servers=f"{{ url: '{DC4}', location: B1 }}, {{ url: '{DC3}', location: B2 }}")
    shared = inventory(of, told("HP-3F", "10.0.0.1", DC3), told("hp3f", "10.0.0.1", DC4))
    assert (the_one(shared).name, the_one(shared).origin) == ("hp3f", Origin("print_server", DC4, "B1"))
    assert [(each.what, each.source, each.other) for each in shared.conflicts] == [
        ("name", DC4, DC3),
        ("location", DC4, DC3),
    ]
    assert f"{DC4} and {DC3} tell another name of the printer hp3f" in str(shared.conflicts[0])


def test_a_server_that_still_tells_of_a_printer_comes_before_one_that_does_not() -> None:
    of = configured()
    moved = the_one(inventory(of, told("HP", "10.0.0.1", gone=1.0), told("hp", "10.0.0.1", DC4)))
    assert (moved.name, moved.origin) == ("hp", Origin("print_server", DC4))
    both = inventory(of, told("HP", "10.0.0.1", gone=1.0, location="B9"), told("hp", "10.0.0.1", DC4, location="B1"))
    assert both.conflicts == (), "what was told once is no longer so"
    gone = the_one(inventory(of, told("HP", "10.0.0.1", gone=1.0), told("hp", "10.0.0.1", DC4, gone=2.0)))
    assert gone.origin == Origin("print_server", DC3, vanished=2.0)


def test_a_printer_that_a_server_tells_of_has_the_defaults_or_the_credentials_that_it_names() -> None:
    of = configured(WRITTEN + "printer_defaults: { labels: { a: b }, interval: 5m }\n")
    _, first, second, third = inventory(
        of,
        told("A", "10.0.0.2"),
        told("B", "10.0.0.3", credentials="own", device=2),
        told("C", "10.0.0.4", credentials="no such", port=1161),
    ).printers
    known = of.shared.credentials
    assert [each.credentials for each in (first, second, third)] == [known["default"], known["own"], known["default"]]
    assert (first.labels, first.interval, second.device, third.port) == ((("a", "b"),), 300.0, 2, 1161)


def test_a_printer_that_a_server_tells_of_is_asked_at_the_port_of_the_protocol_that_is_the_default() -> None:
    of = configured("printers: []\nprinter_defaults: { protocol: ipps }\n")
    first, second = inventory(of, told("A", "10.0.0.2"), told("B", "10.0.0.3", port=1161)).printers
    assert [(each.protocol, each.port) for each in (first, second)] == [("ipps", 631), ("ipps", 1161)]


def test_only_the_place_that_nobody_else_says_is_the_one_of_the_print_server() -> None:
    of = configured(
        "locations: [{ network: 10.1.0.0/16, location: Network }]\nprinters: []\n",
        servers=f"{{ url: '{DC3}', location: B2 }}, {{ url: '{DC4}' }}",
    )
    printers = inventory(
        of,
        told("A", "10.0.0.1", location="x"),
        told("B", "10.0.0.2", DC4, location="y"),
        told("C", "10.0.0.3", DC4),
        told("D", "10.1.0.4", DC3),
    ).printers
    places = [of.place(each.location, {}, each.host, each.origin.location)[0] for each in printers]
    assert places == ["B2", "Network", "y", "Unassigned"]


# ---- names


def test_a_name_that_is_taken_gets_the_host_behind_it() -> None:
    of = configured("printers: [{ name: HP, host: 10.0.0.1 }, { name: HP (10.0.0.3), host: 10.0.0.9 }]\n")
    all_of = inventory(of, told("HP", "10.0.0.3"), files="[{name: HP, host: 10.0.0.2}]")
    assert names(all_of) == ["HP", "HP (10.0.0.3)", "HP (10.0.0.2)", "HP (10.0.0.3) 2"]


def test_a_chosen_name_stays_though_the_other_one_goes() -> None:
    before = inventory(configured("printers: [{ name: HP, host: 10.0.0.1 }]\n"), told("HP", "10.0.0.3"))
    after = inventory(configured(), told("HP", "10.0.0.3"), remembered=before.listings)
    assert names(after) == ["HP (10.0.0.3)"]
    assert names(inventory(configured(), told("HP", "10.0.0.3"))) == ["HP"], "without the memory it would not"


def test_a_name_stays_with_whom_had_it_first_whatever_the_order() -> None:
    of = configured()
    before = inventory(of, told("HP", "10.0.0.3", DC4))
    after = inventory(of, told("HP", "10.0.0.3", DC4), told("HP", "10.0.0.2", DC3), remembered=before.listings)
    assert {printer.host: printer.name for printer in after.printers} == {"10.0.0.3": "HP", "10.0.0.2": "HP (10.0.0.2)"}


def test_a_person_who_writes_a_name_takes_it_from_a_printer_that_was_only_told_of() -> None:
    before = inventory(configured(), told("HP", "10.0.0.3"))
    after = inventory(
        configured(), told("HP", "10.0.0.3"), files="[{name: HP, host: 10.0.0.2}]", remembered=before.listings
    )
    assert names(after) == ["HP", "HP (10.0.0.3)"]


def test_a_printer_with_another_name_at_its_source_is_renamed() -> None:
    before = inventory(configured(), told("HP", "10.0.0.3"))
    after = inventory(configured(), told("Hall", "10.0.0.3"), remembered=before.listings)
    assert names(after) == ["Hall"]


def test_no_two_printers_ever_have_one_name() -> None:
    many = [told("HP", f"10.0.{n // 2}.{n % 2}", DC3 if n % 3 else DC4) for n in range(60)]
    assert len(set(names(inventory(configured(), *many, files="[{name: HP, host: 10.0.0.1}]")))) == 60


# ---- files


def test_a_printer_of_a_file_that_the_config_has_too_is_left_out_and_told_of() -> None:
    of = configured("printers: [{ name: A, host: 10.0.0.1 }]\n")
    both = inventory(of, files="[{name: B, host: 10.0.0.1}, {name: C, host: '10.0.0.1:1161'}]")
    assert names(both) == ["A", "C"]
    (conflict,) = both.conflicts
    assert str(conflict) == "b1.yaml: the printer B is left out, since the config has one at the same host"


def test_printers_behind_one_host_are_several_where_each_says_which_it_is() -> None:
    of = configured("printers: [{ name: A, host: 10.0.0.1, device: 1 }]\n")
    assert names(inventory(of, files="[{name: B, host: 10.0.0.1, device: 2}]")) == ["A", "B"]
    assert names(inventory(of, files="[{name: B, host: 10.0.0.1, device: 1}]")) == ["A"]
    assert names(inventory(of, files="[{name: B, host: 10.0.0.1}]")) == ["A"]
    whole = configured("printers: [{ name: A, host: 10.0.0.1 }]\n")
    assert names(inventory(whole, files="[{name: B, host: 10.0.0.1, device: 2}]")) == ["A"]


def test_printers_behind_one_host_over_ipp_are_several_where_their_paths_differ() -> None:
    defaults = "printer_defaults: { protocol: ipp, ipp_path: /ipp/port1 }\n"
    of = configured(f"printers: [{{ name: A, host: gate }}]\n{defaults}")
    both = inventory(of, files="[{ name: B, host: gate, ipp_path: /p 2 }, { name: D, host: gate, protocol: snmp }]")
    assert list(both.listings) == ["gate 631 /ipp/port1", "gate 631 /p 2", "gate 161"]
    assert names(both) == ["A", "B", "D"]
    assert names(inventory(of, files="[{name: C, host: gate}]")) == ["A"]


# ---- what changed


def at(name: str, kind: str = "config", source: str = "") -> Listing:
    return Listing(name, name, kind, source)  # type: ignore[arg-type]


def test_changes_are_told_with_who_made_them() -> None:
    before = {
        "10.0.0.1 161": at("Stays"),
        "10.0.0.2 161": at("Old", "print_server", DC3),
        "10.0.0.3 161": at("Moves"),
        "10.0.0.4 161": at("Goes", "file", "b1.yaml"),
    }
    after = {
        "10.0.0.1 161": at("Stays"),
        "10.0.0.2 161": at("New", "file", "b2.yaml"),
        "10.0.0.9 161": at("Moves"),
        "10.0.0.5 161": at("Comes", "print_server", DC4),
    }
    assert changes(before, after) == [
        Change("added", "Comes", "10.0.0.5 161", "print_server", DC4),
        Change("removed", "Goes", "10.0.0.4 161", "file", "b1.yaml"),
        Change("address_changed", "Moves", "10.0.0.9 161", "config", "", "10.0.0.3 161"),
        Change("renamed", "New", "10.0.0.2 161", "file", "b2.yaml", "Old"),
    ]


def test_two_printers_that_swap_their_names_are_renamed() -> None:
    before = {"10.0.0.1 161": at("A"), "10.0.0.2 161": at("B")}
    after = {"10.0.0.1 161": at("B"), "10.0.0.2 161": at("A")}
    assert [(change.what, change.before) for change in changes(before, after)] == [("renamed", "B"), ("renamed", "A")]
    assert changes(before, before) == []
