"""Which cameras are there: statuses over explicit times, blind segments, restarts, and any order of events."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.cameras import registry as module
from exporter.cameras.model import (
    PRESENT,
    STATUSES,
    AddressChange,
    Camera,
    Device,
    Search,
    Sighting,
    camera,
    merged,
)
from exporter.cameras.registry import Registry, Segment
from exporter.cameras.stored import dump, load
from exporter.config import Cameras, KnownCamera
from exporter.state import Event

START = 1_800_000_000.0
MINUTE, HOUR, DAY, YEAR = 60.0, 3600.0, 86_400.0, 31_536_000.0
WINDOW = 2.0
ADDRESS = "192.0.2.1"


def mac(name: str) -> str:
    return f"02:00:5e:10:00:{ord(name):02x}"


def name_of(key: str) -> str:
    return chr(int(key[-2:], 16))


def device(camera: str, address: str = "", *, name: str = "", firmware: str = "", serial: str = "") -> Device:
    """Return what a camera says, by default with an address of its own."""
    own = address or f"192.0.2.{ord(camera)}"
    return Device(mac(camera), own, name=name, firmware=firmware, serial=serial)


def listed(names: str) -> tuple[KnownCamera, ...]:
    return tuple(KnownCamera(mac=mac(name)) for name in names)


class Site:
    """A registry, its two clocks and what the state holds of it; cameras are single letters."""

    def __init__(self, known: str = "", **options: float) -> None:
        self.settings = Cameras(known=listed(known), **options)
        self.monotonic = 0.0
        self.jumped = 0.0
        self.stored: dict[str, str] = {}
        self.events: list[Event] = []
        self.registry = Registry(self.settings, at=self.at)

    @property
    def at(self) -> float:
        return START + self.monotonic + self.jumped

    def __getitem__(self, name: str) -> Camera:
        return self.registry.cameras[mac(name)]

    def hear(self, said: Device, interface: str = "eth0", *, announced: bool = False) -> None:
        self.registry.heard(Sighting(said, interface, announced), at=self.at, monotonic=self.monotonic)

    def search(self, segments: dict[str, bool]) -> None:
        self.registry.searched(Search(self.at, self.monotonic, WINDOW, 0, segments))

    def save(self) -> None:
        """Write what changed, as the state would keep it."""
        changed = self.registry.take_changes()
        for key, known in changed.cameras.items():
            text = dump(known)
            if text is None:
                self.stored.pop(key, None)
            else:
                self.stored[key] = text
        self.events += changed.events

    def restore(self) -> Registry:
        return Registry(self.settings, [load(key, text) for key, text in self.stored.items()], at=self.at)

    def statuses(self) -> str:
        """Return such as `A active, B offline`."""
        return ", ".join(f"{name_of(key)} {each.status}" for key, each in sorted(self.registry.cameras.items()))

    def happened(self, name: str) -> list[tuple[str, str | None, str | None]]:
        """Return the events of a camera: what, before and after."""
        self.save()
        return [(event.what, event.before, event.after) for event in self.events if event.key == mac(name)]


Action: TypeAlias = Callable[[Site], None]
Step: TypeAlias = tuple[float, Action, str]


def search(answers: str = "", *, on: str = "eth0", deaf: str = "") -> Action:
    """Search on the interfaces `on` and `deaf`, which can and cannot be heard; `answers` such as `A B@eth1`."""

    def act(site: Site) -> None:
        for answer in answers.split():
            name, _, interface = answer.partition("@")
            site.hear(device(name), interface or "eth0")
        site.search(dict.fromkeys(on.split(), True) | dict.fromkeys(deaf.split(), False))

    return act


def announce(name: str, *, on: str = "eth0") -> Action:
    return lambda site: site.hear(device(name), on, announced=True)


def move(name: str, address: str) -> Action:
    return lambda site: site.hear(device(name, address))


def restart(*, down: float = 0.0) -> Action:
    """Stop the exporter, and start it `down` seconds later on what the state holds."""

    def act(site: Site) -> None:
        site.save()
        site.jumped += down
        site.registry = site.restore()

    return act


def jump(seconds: float) -> Action:
    """Set the time of day, or suspend the machine: the other clock knows nothing of both."""

    def act(site: Site) -> None:
        site.jumped += seconds

    return act


def take_over(stored: Camera) -> Action:
    return lambda site: site.registry.merge(stored, at=site.at)


def configure(known: str = "", **options: float) -> Action:
    def act(site: Site) -> None:
        site.settings = Cameras(known=listed(known), **options)
        site.registry.configure(site.settings, at=site.at)

    return act


def forget(name: str) -> Action:
    return lambda site: site.registry.forget(mac(name))


def nothing(site: Site) -> None:
    pass


def play(site: Site, *steps: Step) -> Site:
    """Do each step at its second, and compare all statuses after it; what was written must restore the same."""
    for seconds, action, expected in steps:
        site.monotonic = seconds
        action(site)
        assert f"{seconds:g}: {site.statuses()}" == f"{seconds:g}: {expected}"
        check_restored(site)
    return site


def every(step: float, begin: float, end: float, action: Action, expected: str) -> Iterable[Step]:
    """Repeat an action from `begin` to `end`, which is not reached."""
    return [(begin + step * number, action, expected) for number in range(int((end - begin) / step))]


def check_restored(site: Site) -> None:
    site.save()
    kept = {key: replace(each, up=None) for key, each in site.registry.cameras.items()}
    assert site.restore().cameras == kept


# ---- statuses


def test_a_camera_is_active_the_moment_it_is_heard() -> None:
    play(Site(), (0, nothing, ""), (7, announce("A"), "A active"), (60, search("A B"), "A active, B active"))


def test_one_missed_search_changes_nothing_and_the_next_makes_offline() -> None:
    site = play(
        Site(),
        (0, search("A B"), "A active, B active"),
        (60, search("B"), "A active, B active"),
        (120, search("B"), "A offline, B active"),
        (180, search("B"), "A offline, B active"),
    )
    assert site["A"].status_since == START + 120


def test_misses_count_only_in_a_row() -> None:
    play(
        Site(),
        (0, search("A"), "A active"),
        (60, search(), "A active"),
        (120, search("A"), "A active"),
        (180, search(), "A active"),
        (200, announce("A"), "A active"),
        (240, search(), "A active"),
        (300, search(), "A active"),
        (360, search(), "A offline"),
    )


@pytest.mark.parametrize("heard", [announce("A"), move("A", "")], ids=["announcement", "answer to another tool"])
def test_recovery_shows_at_once_between_two_searches_too(heard: Action) -> None:
    play(
        Site(),
        (0, search("A"), "A active"),
        (60, search(), "A active"),
        (120, search(), "A offline"),
        (130, heard, "A active"),
        (180, search(), "A active"),
    )


def test_a_camera_unheard_for_the_time_set_is_missing_to_the_second() -> None:
    play(
        Site(missing_after=300.0),
        (0, search("A"), "A active"),
        (60, search(), "A active"),
        (120, search(), "A offline"),
        (299, search(), "A offline"),
        (300, search(), "A missing"),
        (310, announce("A"), "A active"),
    )


def test_time_without_a_camera_begins_anew_when_it_was_heard() -> None:
    play(
        Site(missing_after=150.0),
        (0, search("A"), "A active"),
        (60, search(), "A active"),
        (120, search("A"), "A active"),
        (180, search(), "A active"),
        (240, search(), "A offline"),
        (300, search(), "A missing"),
    )


def test_more_misses_allowed_bring_nobody_back() -> None:
    play(
        Site(),
        (0, search("A"), "A active"),
        (60, search(), "A active"),
        (120, search(), "A offline"),
        (130, configure(offline_after=9), "A offline"),
        (180, search(), "A offline"),
        (190, announce("A"), "A active"),
    )


def test_offline_after_is_kept_however_long_the_first_gap() -> None:
    play(
        Site(),
        (0, search("A"), "A active"),
        (30 * HOUR, search(), "A active"),
        (30 * HOUR + 60, search(), "A missing"),
    )


def test_a_changed_address_shows_for_its_time_and_then_no_more() -> None:
    play(
        Site(ip_changed_for=600.0),
        (0, search("A"), "A active"),
        (30, move("A", ADDRESS), "A ip_changed"),
        (60, move("A", ADDRESS), "A ip_changed"),
        (60, search(), "A ip_changed"),
        (629, move("A", ADDRESS), "A ip_changed"),
        (630, move("A", ADDRESS), "A active"),
        (660, search(), "A active"),
    )


def test_a_changed_address_ceases_to_show_at_a_missed_search_too() -> None:
    play(
        Site(ip_changed_for=60.0),
        (0, search("A"), "A active"),
        (30, move("A", ADDRESS), "A ip_changed"),
        (31, search(), "A ip_changed"),
        (91, search(), "A active"),
        (151, search(), "A offline"),
    )


def test_missing_and_offline_go_before_a_changed_address() -> None:
    play(
        Site(missing_after=120.0),
        (0, search("A"), "A active"),
        (30, move("A", ADDRESS), "A ip_changed"),
        (60, search(), "A ip_changed"),
        (120, search(), "A ip_changed"),
        (150, search(), "A offline"),
        (180, search(), "A missing"),
        (190, move("A", ADDRESS), "A ip_changed"),
    )


def test_up_tells_of_the_last_search_and_of_what_was_heard_since_the_one_before() -> None:
    site = Site()
    told: list[bool | None] = []
    for seconds, action in [
        (0, search("A")),
        (60, search()),
        (70, announce("A")),
        (120, search()),
        (180, search("", on="", deaf="eth0")),
        (240, search("A", on="", deaf="eth0")),
        (300, search()),
        (310, restart()),
        (360, search("A")),
    ]:
        site.monotonic = seconds
        action(site)
        told.append(site["A"].up)
    assert told == [True, False, True, True, None, True, False, None, True]


def test_discoveries_count_searches_between_which_a_camera_was_heard() -> None:
    site = play(
        Site(),
        (0, announce("A"), "A active"),
        (5, announce("A"), "A active"),
        (60, search("A"), "A active"),
        (120, search(), "A active"),
        (125, announce("A"), "A active"),
        (180, search(), "A active"),
    )
    assert site["A"].discoveries == 2
    assert (site["A"].first_seen, site["A"].last_seen) == (START, START + 125)


# ---- time


def test_time_in_which_the_exporter_was_down_makes_nothing_missing() -> None:
    play(
        Site(),
        (0, search("A"), "A active"),
        (60, search(), "A active"),
        (61, restart(down=400 * DAY), "A active"),
        (62, search(), "A offline"),
        (122, search(), "A offline"),
        (182, restart(down=400 * DAY), "A offline"),
        (242, search(), "A offline"),
    )


def test_watched_time_adds_up_over_restarts() -> None:
    play(
        Site(missing_after=240.0),
        (0, search("A"), "A active"),
        (120, search(), "A active"),
        (121, restart(down=HOUR), "A active"),
        (130, search(), "A offline"),
        (249, search(), "A offline"),
        (250, search(), "A missing"),
        (251, restart(down=HOUR), "A missing"),
        (252, search(), "A missing"),
    )


@pytest.mark.parametrize("seconds", [-YEAR, YEAR, -5.0, DAY])
def test_a_set_clock_or_a_suspend_changes_no_status_and_no_order(seconds: float) -> None:
    site = play(
        Site("Z", ip_changed_for=0.0),
        (0, search("A B"), "A active, B active, Z unknown"),
        (60, search("A"), "A active, B active, Z missing"),
        (120, search("A"), "A active, B offline, Z missing"),
        (130, jump(seconds), "A active, B offline, Z missing"),
        (180, search("A"), "A active, B offline, Z missing"),
        (240, search(), "A active, B offline, Z missing"),
        (300, search("B"), "A offline, B active, Z missing"),
        (360, search("A B"), "A active, B active, Z missing"),
    )
    for each in (site["A"], site["B"]):
        assert each.first_seen is not None
        assert each.last_seen == START + 360 + seconds >= each.first_seen


@pytest.mark.parametrize(("seconds", "status"), [(-5.0, "ip_changed"), (-YEAR, "active"), (YEAR, "active")])
def test_a_changed_address_does_not_show_for_years_after_the_clock_was_set(seconds: float, status: str) -> None:
    play(
        Site(),
        (0, search("A"), "A active"),
        (60, move("A", ADDRESS), "A ip_changed"),
        (61, jump(seconds), "A ip_changed"),
        (62, move("A", ADDRESS), f"A {status}"),
    )


def test_only_time_between_two_searches_that_were_heard_out_counts() -> None:
    play(
        Site(missing_after=300.0, blind_after=DAY),
        (0, search("A"), "A active"),
        (100, search(), "A active"),
        (1000, search(deaf="eth0", on=""), "A active"),
        (2000, search(), "A offline"),
        (2100, search(), "A offline"),
        (2199, search(), "A offline"),
        (2200, search(), "A missing"),
    )


# ---- segments that are blind


def test_a_search_that_was_not_sent_or_heard_changes_nothing_until_all_is_unknown() -> None:
    deaf = search(on="", deaf="eth0")
    site = play(
        Site(blind_after=600.0),
        (0, search("A B"), "A active, B active"),
        (60, search("A"), "A active, B active"),
        (120, search("A"), "A active, B offline"),
        (180, deaf, "A active, B offline"),
        *every(60, 240, 720, deaf, "A active, B offline"),
        (777, deaf, "A active, B offline"),
        (778, deaf, "A unknown, B unknown"),
        (DAY, deaf, "A unknown, B unknown"),
    )
    assert site.registry.segments == {"eth0": Segment(up=False, since=180 - WINDOW)}


def test_three_heard_and_then_nobody_is_the_fault_of_the_segment() -> None:
    site = play(
        Site(),
        (0, search("A B C"), "A active, B active, C active"),
        (60, search(), "A active, B active, C active"),
        (120, search(), "A active, B active, C active"),
        (660, search(), "A unknown, B unknown, C unknown"),
        (30 * DAY, search(), "A unknown, B unknown, C unknown"),
    )
    assert site.registry.segments["eth0"].up is False
    assert {site[name].up for name in "ABC"} == {False}


def test_two_heard_and_then_nobody_is_the_fault_of_the_cameras() -> None:
    site = play(
        Site(),
        (0, search("A B"), "A active, B active"),
        (60, search(), "A active, B active"),
        (120, search(), "A offline, B offline"),
    )
    assert site.registry.segments["eth0"].up is True


@pytest.mark.parametrize(("end", "up"), [(3660.0, False), (3720.0, True)])
def test_a_segment_is_at_fault_only_when_three_were_heard_within_the_hour_before(end: float, up: bool) -> None:
    all_but_a = "A offline, B active, C active"
    site = play(
        Site(),
        (0, search("A B C"), "A active, B active, C active"),
        (60, search("B C"), "A active, B active, C active"),
        *every(60, 120, end, search("B C"), all_but_a),
        (end, search(), all_but_a),
        (end + 60, search(), "A offline, B offline, C offline" if up else all_but_a),
    )
    assert site.registry.segments["eth0"].up is up


def test_a_silent_segment_stays_blind_over_restarts_and_set_clocks_until_somebody_is_heard() -> None:
    frozen, unknown = "A active, B active, C active, D offline", "A unknown, B unknown, C unknown, D unknown"
    play(
        Site(),
        (0, search("A B C D"), "A active, B active, C active, D active"),
        (60, search("A B C"), "A active, B active, C active, D active"),
        *every(600, 120, 2 * HOUR, search("A B C"), frozen),
        (3 * HOUR, search(), frozen),
        (3 * HOUR + 1, restart(down=3 * DAY), frozen),
        (4 * HOUR, search(), frozen),
        (4 * HOUR + 1, jump(-YEAR), frozen),
        (4 * HOUR + 600, search(), unknown),
        (4 * HOUR + 601, restart(down=DAY), unknown),
        (4 * HOUR + 602, search(), unknown),
        (4 * HOUR + 603, announce("B"), "A unknown, B active, C unknown, D unknown"),
    )


def test_a_dead_camera_last_seen_in_the_future_hides_no_silent_segment() -> None:
    present = "A active, B active, C active, D offline"
    play(
        Site(),
        (0, search("A B C D"), "A active, B active, C active, D active"),
        (1, jump(-YEAR), "A active, B active, C active, D active"),
        (60, search("A B C"), "A active, B active, C active, D active"),
        *every(600, 120, 2 * HOUR, search("A B C"), present),
        *every(60, 3 * HOUR, 3 * HOUR + 540, search(), present),
    )


def test_after_blindness_who_is_heard_is_active_and_others_are_unknown_until_they_were_missed_again() -> None:
    deaf = search(on="", deaf="eth0")
    site = play(
        Site(blind_after=60.0),
        (0, search("A B C"), "A active, B active, C active"),
        (60, search("A B"), "A active, B active, C active"),
        (120, search("A"), "A active, B active, C offline"),
        (180, deaf, "A active, B active, C offline"),
        (240, deaf, "A unknown, B unknown, C unknown"),
        (2 * DAY, search("A"), "A active, B unknown, C unknown"),
        (2 * DAY + 60, search("A"), "A active, B offline, C offline"),
    )
    assert site["B"].misses == site["C"].misses == 2


def test_short_blindness_does_not_start_the_row_of_misses_anew() -> None:
    play(
        Site(),
        (0, search("A"), "A active"),
        (60, search(), "A active"),
        (120, search(on="", deaf="eth0"), "A active"),
        (180, search(), "A offline"),
    )


def test_a_camera_heard_on_a_blind_segment_is_active_alone() -> None:
    play(
        Site(blind_after=60.0),
        (0, search("A B"), "A active, B active"),
        (60, search(on="", deaf="eth0"), "A active, B active"),
        (120, search(on="", deaf="eth0"), "A unknown, B unknown"),
        (121, announce("B"), "A unknown, B active"),
        (180, search(on="", deaf="eth0"), "A unknown, B active"),
        (240, search(on="", deaf="eth0"), "A unknown, B unknown"),
    )


def test_a_blind_segment_says_nothing_of_another() -> None:
    site = play(
        Site(blind_after=60.0),
        (0, search("A B@eth1", on="eth0 eth1"), "A active, B active"),
        (60, search(on="eth0", deaf="eth1"), "A active, B active"),
        (120, search(on="eth0", deaf="eth1"), "A offline, B unknown"),
    )
    assert {name: segment.up for name, segment in site.registry.segments.items()} == {"eth0": True, "eth1": False}


def test_an_interface_that_is_gone_or_no_longer_searched_is_blind_as_long_as_cameras_were_behind_it() -> None:
    site = play(
        Site(blind_after=60.0),
        (0, search("A B@eth1", on="eth0 eth1 eth2"), "A active, B active"),
        (60, search("A"), "A active, B active"),
        (120, search("A"), "A active, B unknown"),
    )
    assert {name: segment.up for name, segment in site.registry.segments.items()} == {"eth0": True, "eth1": False}


def test_cameras_follow_an_interface_that_was_renamed() -> None:
    names = "A@lan0 B@lan0 C@lan0"
    site = play(
        Site(),
        (0, search("A B C"), "A active, B active, C active"),
        (60, search(names, on="lan0"), "A active, B active, C active"),
        (120, search(names, on="lan0"), "A active, B active, C active"),
    )
    assert {each.interface for each in site.registry.cameras.values()} == {"lan0"}
    assert {name: segment.up for name, segment in site.registry.segments.items()} == {"lan0": True}


def test_without_any_interface_all_is_blind() -> None:
    none = search(on="")
    site = play(
        Site("Z", blind_after=60.0),
        (0, none, "Z unknown"),
        (60, none, "Z unknown"),
        (120, search("A"), "A active, Z unknown"),
        (180, search("A"), "A active, Z missing"),
        (240, none, "A active, Z missing"),
        (300, none, "A unknown, Z unknown"),
    )
    assert {name: segment.up for name, segment in site.registry.segments.items()} == {"": False, "eth0": False}


def test_a_camera_stays_on_its_interface_while_it_is_heard_there_and_else_moves() -> None:
    site = play(Site(), (0, search("A@eth1"), "A active"), (60, search("A A@eth1", on="eth0 eth1"), "A active"))
    assert site["A"].interface == "eth1"
    play(site, (120, search("A A@eth2", on="eth0 eth1 eth2"), "A active"))
    assert site["A"].interface == "eth0"


# ---- cameras that are listed, imported or forgotten


def test_a_listed_camera_never_seen_is_unknown_until_searches_were_heard_out_and_then_missing() -> None:
    site = play(
        Site("Z"),
        (0, nothing, "Z unknown"),
        (60, search(on="", deaf="eth0"), "Z unknown"),
        (120, search(), "Z unknown"),
        (180, search(), "Z missing"),
        (240, restart(down=DAY), "Z missing"),
        (300, search(), "Z missing"),
        (310, announce("Z"), "Z active"),
        (370, search(), "Z active"),
        (430, search(), "Z active"),
        (490, search(), "Z offline"),
    )
    assert site["Z"].restarts == 0


def test_a_camera_never_seen_may_be_behind_any_interface() -> None:
    play(
        Site("Z", blind_after=600.0),
        *every(60, 0, 240, search(on="eth0", deaf="eth1"), "Z unknown"),
        (240, search(on="eth0 eth1"), "Z unknown"),
        (300, search(on="eth0 eth1"), "Z missing"),
        (360, search(on="eth0", deaf="eth1"), "Z missing"),
        (960, search(on="", deaf="eth0 eth1"), "Z unknown"),
        (1020, search(on="eth0 eth1"), "Z unknown"),
        (1080, search(on="eth0 eth1"), "Z missing"),
    )


def imported(name: str, last_seen: float | None = None) -> Camera:
    """Return a camera as an import writes it, with an address that it does not have any more."""
    return Camera(
        mac(name),
        device(name, ADDRESS),
        first_seen=None if last_seen is None else START - YEAR,
        last_seen=last_seen,
        earlier_discoveries=7,
    )


@pytest.mark.parametrize(
    ("last_seen", "status"),
    [(START - DAY + 121, "offline"), (START - DAY + 120, "missing"), (None, "missing")],
)
def test_an_imported_camera_is_judged_by_when_it_was_last_seen(last_seen: float | None, status: str) -> None:
    play(
        Site(),
        (0, take_over(imported("A", last_seen)), "A unknown"),
        (60, search(), "A unknown"),
        (120, search(), f"A {status}"),
        (121, jump(YEAR), f"A {status}"),
        (180, search(), f"A {status}"),
        (181, jump(-2 * YEAR), f"A {status}"),
        (240, search(), f"A {status}"),
        (241, announce("A"), "A ip_changed"),
    )


def test_an_imported_camera_is_missing_when_it_was_watched_for_long() -> None:
    play(
        Site(missing_after=HOUR),
        (0, take_over(imported("A", START)), "A unknown"),
        (60, search(), "A unknown"),
        (120, search(), "A offline"),
        (60 + HOUR, search(), "A missing"),
    )


def test_a_listed_camera_is_judged_anew_when_an_import_tells_of_it() -> None:
    play(
        Site("Z"),
        (0, search(), "Z unknown"),
        (60, search(), "Z missing"),
        (70, take_over(imported("Z", START - HOUR)), "Z unknown"),
        (120, search(), "Z unknown"),
        (180, search(), "Z offline"),
        (190, take_over(imported("Z", START - HOUR)), "Z offline"),
    )


def test_an_import_changes_no_status_of_a_camera_that_was_heard() -> None:
    site = play(
        Site(),
        (0, search("A B"), "A active, B active"),
        (60, search("A"), "A active, B active"),
        (120, search("A"), "A active, B offline"),
        (130, take_over(imported("A", START + DAY)), "A active, B offline"),
        (131, take_over(imported("B", START + DAY)), "A active, B offline"),
    )
    assert (site["A"].discoveries, site["A"].earlier_discoveries) == (3, 7)
    assert site["A"].device == device("A")
    assert (site["A"].first_seen, site["A"].last_seen) == (START - YEAR, START + DAY)


def test_an_import_changes_no_status_of_a_camera_that_was_heard_but_not_yet_searched_for() -> None:
    play(Site(), (0, announce("A"), "A active"), (1, take_over(imported("A", START + DAY)), "A active"))


def test_an_imported_camera_has_its_status_since_the_first_search() -> None:
    site = play(Site(), (0, take_over(imported("A")), "A unknown"), (60, search(), "A unknown"))
    assert site["A"].status_since == START + 60


def test_only_unlisted_cameras_are_forgotten_and_only_by_watched_time() -> None:
    site = play(
        Site("L", missing_after=HOUR, forget_after=2 * HOUR),
        (0, search("A L"), "A active, L active"),
        (60, search(), "A active, L active"),
        (120, search(), "A offline, L offline"),
        (121, restart(down=YEAR), "A offline, L offline"),
        (122, search(), "A offline, L offline"),
        (HOUR, search(on="", deaf="eth0"), "A offline, L offline"),
        (DAY, search(), "A offline, L offline"),
        (DAY + 2 * HOUR - 121, search(), "A missing, L missing"),
        (DAY + 2 * HOUR - 120, search(), "L missing"),
        (DAY + 9 * HOUR, search(), "L missing"),
        (DAY + 9 * HOUR + 1, configure(missing_after=HOUR, forget_after=2 * HOUR), "L missing"),
        (DAY + 9 * HOUR + 2, search(), ""),
    )
    assert site.stored == {}


def test_a_forgotten_camera_is_new_when_it_is_heard_again() -> None:
    site = play(
        Site(),
        (0, search("A"), "A active"),
        (60, search("A"), "A active"),
        (70, forget("A"), ""),
        (80, forget("A"), ""),
        (90, announce("A"), "A active"),
    )
    assert (site["A"].first_seen, site["A"].discoveries, site["A"].restarts) == (START + 90, 0, 0)


def test_a_forgotten_camera_that_is_listed_is_awaited_again_at_once() -> None:
    play(
        Site("L"),
        (0, search("L"), "L active"),
        (50, announce("L"), "L active"),
        (51, forget("L"), "L unknown"),
        (60, search(), "L unknown"),
        (120, search(), "L missing"),
    )


def test_listing_and_unlisting_bring_and_drop_only_those_of_whom_nothing_is_known() -> None:
    play(
        Site("X"),
        (0, search("A"), "A active, X unknown"),
        (1, take_over(replace(camera(mac("I")), first_seen=START - DAY)), "A active, I unknown, X unknown"),
        (10, configure("AY"), "A active, I unknown, Y unknown"),
        (20, configure(), "A active, I unknown"),
    )


def test_no_more_cameras_are_taken_up_than_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CAMERAS", 2)
    site = play(
        Site(),
        (0, search("A B C"), "A active, B active"),
        (60, search("A B D"), "A active, B active"),
        (61, forget("A"), "B active"),
        (62, announce("C"), "B active, C active"),
    )
    assert site.registry.refused == 2


# ---- what a camera says


def test_a_changed_address_is_counted_dated_and_kept_with_both_addresses() -> None:
    site = play(
        Site(ip_changed_for=0.0),
        (0, move("A", "192.0.2.5"), "A active"),
        (60, move("A", "192.0.2.6"), "A active"),
        (120, move("A", "192.0.2.6"), "A active"),
        (180, move("A", "192.0.2.5"), "A active"),
    )
    assert site["A"].address_changes == 2
    assert site["A"].address_change == AddressChange(START + 180, "192.0.2.5", "192.0.2.6")
    assert site.happened("A") == [
        ("address", None, "192.0.2.5"),
        ("address", "192.0.2.5", "192.0.2.6"),
        ("address", "192.0.2.6", "192.0.2.5"),
    ]
    assert [event.at for event in site.events] == [START, START + 60, START + 180]


def test_an_address_other_than_the_imported_one_has_changed() -> None:
    site = play(Site(), (0, take_over(imported("A", START - DAY)), "A unknown"), (60, search("A"), "A ip_changed"))
    assert site["A"].address_change == AddressChange(START + 60, device("A").address, ADDRESS)
    assert site.happened("A") == [("address", ADDRESS, device("A").address)]


def test_changes_of_name_and_firmware_are_kept_and_the_first_name_stays_the_label() -> None:
    site = Site()
    site.hear(device("A", name="Lobby", firmware="1.0"))
    site.save()
    site.events.clear()
    site.hear(device("A", name="Door", firmware="1.1"))
    assert site.happened("A") == [("name", "Lobby", "Door"), ("firmware", "1.0", "1.1")]
    assert (site["A"].label, site["A"].device.name) == ("Lobby", "Door")


def test_what_a_camera_does_not_say_keeps_what_it_said() -> None:
    site = Site()
    full = replace(
        device("A", name="Lobby", firmware="1.0", serial="S"),
        model="M",
        network_mode="dhcp",
        netmask="255.0.0.0",
        gateway="192.0.2.254",
        port=80,
        admin_password_set=False,
        setup_window_open=False,
    )
    site.hear(full)
    site.save()
    site.events.clear()
    site.hear(Device(mac("A")))
    assert site["A"].device == full
    assert site.happened("A") == []
    assert site["A"].address_changes == 0


# ---- restarts


def quiet(*moments: float) -> list[tuple[float, Action]]:
    return [(moment, search("A")) for moment in moments]


def announces(*moments: float) -> list[tuple[float, Action]]:
    return [(moment, announce("A")) for moment in moments]


DEAF = search(on="", deaf="eth0")


@pytest.mark.parametrize(
    ("steps", "restarts"),
    [
        pytest.param(announces(0, 5, 10), [], id="a new camera has not restarted"),
        pytest.param([*quiet(0), *announces(3, 8)], [], id="nor one that was first heard by its answer"),
        pytest.param([*quiet(2), *announces(5, 125, 240)], [], id="holes of two minutes are loss"),
        pytest.param([*quiet(2), *announces(5, 126, 131)], [126], id="longer ones are not"),
        pytest.param(
            [*quiet(2, 60, 120), *announces(300, 305, 400)], [300], id="answers in between are no announcements"
        ),
        pytest.param([*announces(1), *quiet(2), *announces(300)], [300], id="heard in the very first search"),
        pytest.param([*quiet(2), *announces(5), (60, DEAF), *quiet(120), *announces(1205)], [], id="not all heard"),
        pytest.param([*quiet(2), *announces(5), (60, DEAF), *quiet(120), *announces(1206)], [1206], id="too long ago"),
        pytest.param(
            [*quiet(2), *announces(5), (60, restart()), *announces(61)], [], id="exporter restarted meanwhile"
        ),
        pytest.param(
            [*quiet(2), *announces(5), (60, restart(down=1200.0)), *announces(61, 66)],
            [61],
            id="exporter was down for long",
        ),
        pytest.param(
            [*quiet(2), *announces(1500, *range(1600, 2700, 100)), (2695, restart()), *announces(2701)],
            [1500],
            id="exporter restarted in the last of its 20 minutes",
        ),
        pytest.param([*quiet(2), (1200, restart()), *quiet(1201), *announces(1202)], [], id="known for 20 minutes"),
        pytest.param([*quiet(2), (1200, restart()), *quiet(1201), *announces(1203)], [1203], id="known for longer"),
        pytest.param(
            [*quiet(2), (1300, restart(down=-YEAR)), *announces(1301)], [1301], id="started on a clock set back"
        ),
        pytest.param([*quiet(2), (300, jump(YEAR)), *announces(301)], [301], id="a set clock hides none"),
        pytest.param([*quiet(2), *announces(50), (51, jump(-YEAR)), *announces(55)], [], id="a set clock makes none"),
    ],
)
def test_the_first_announcement_after_silence_is_a_restart(
    steps: list[tuple[float, Action]], restarts: list[float]
) -> None:
    site = Site()
    for seconds, action in steps:
        site.monotonic = seconds
        action(site)
    site.save()
    dates = [event.at - site.jumped - START for event in site.events if event.what == "restart"]
    assert dates == restarts
    assert site["A"].restarts == len(restarts)
    assert site["A"].restarted == (START + site.jumped + restarts[-1] if restarts else None)


# ---- several cameras


def test_two_cameras_on_one_address_are_in_conflict_while_both_are_present() -> None:
    site = play(
        Site(),
        (0, move("A", ADDRESS), "A active"),
        (0, move("B", ADDRESS), "A active, B active"),
        (0, search("C C"), "A active, B active, C active"),
    )
    assert site.registry.conflicts() == {mac("A"): ADDRESS, mac("B"): ADDRESS}
    for seconds in (60, 120):
        site.monotonic = seconds
        site.hear(device("A", ADDRESS))
        site.search({"eth0": True})
    assert site["B"].status == "offline"
    assert site.registry.conflicts() == {}
    site.hear(device("B", ADDRESS))
    assert len(site.registry.conflicts()) == 2
    site.hear(device("B", "192.0.2.9"))
    assert site.registry.conflicts() == {}


def test_one_address_behind_two_interfaces_is_no_conflict_nor_is_none_at_all() -> None:
    site = Site()
    site.hear(device("A", ADDRESS), "eth0")
    site.hear(device("B", ADDRESS), "eth1")
    site.hear(Device(mac("C")), "eth0")
    site.hear(Device(mac("D")), "eth0")
    assert site.registry.conflicts() == {}


def test_a_search_may_end_when_all_who_may_be_there_were_heard() -> None:
    site = play(Site(), (0, nothing, ""))
    expects_nobody_but = site.registry.expects_nobody_but
    assert not expects_nobody_but({mac("A")}), "nobody is known"
    play(site, (0, search("A B"), "A active, B active"))
    assert not expects_nobody_but({mac("A")})
    assert expects_nobody_but({mac("A"), mac("B"), mac("C")})
    play(site, (60, search("A"), "A active, B active"), (120, search("A"), "A active, B offline"))
    assert expects_nobody_but({mac("A")})
    play(site, (200, configure("Z"), "A active, B offline, Z unknown"))
    assert not expects_nobody_but({mac("A")})


# ---- what has to be written, and what others wrote


def test_changes_are_told_once_and_only_of_those_who_changed() -> None:
    site = Site("L")
    assert site.registry.take_changes().cameras.keys() == {mac("L")}
    site.hear(device("A"))
    site.hear(device("B"))
    first = site.registry.take_changes()
    assert first.cameras == {mac("A"): site["A"], mac("B"): site["B"]}
    assert [event.key for event in first.events] == [mac("A"), mac("B")]
    assert site.registry.take_changes() == module.Changed({}, ())
    site.hear(device("B"))
    site.registry.forget(mac("A"))
    assert site.registry.take_changes().cameras == {mac("A"): None}


def test_events_of_a_dropped_camera_are_dropped_with_it() -> None:
    site = Site()
    site.hear(device("A"))
    site.hear(device("B"))
    site.registry.forget(mac("A"))
    changed = site.registry.take_changes()
    assert (changed.cameras[mac("A")], [event.key for event in changed.events]) == (None, [mac("B")])


def test_what_was_just_restored_need_not_be_written() -> None:
    site = play(Site("L"), (0, search("A"), "A active, L unknown"))
    assert site.restore().take_changes() == module.Changed({}, ())


def test_merging_twice_is_merging_once_and_loses_nothing() -> None:
    ours = Camera(
        mac("A"),
        device("A", name="Door"),
        label="Door",
        interface="eth0",
        first_seen=50.0,
        last_seen=60.0,
        discoveries=3,
        address_changes=2,
        address_change=AddressChange(55.0, "192.0.2.65", ADDRESS),
        restarts=4,
        status="active",
        status_since=50.0,
    )
    theirs = Camera(
        mac("A"),
        device("A", ADDRESS, serial="S"),
        label="Lobby",
        interface="eth1",
        first_seen=10.0,
        last_seen=70.0,
        earlier_discoveries=9,
        earlier_address_changes=5,
        address_change=AddressChange(20.0, ADDRESS, "192.0.2.2"),
        restarts=5,
    )
    both = merged(ours, theirs)
    assert both == replace(
        ours,
        device=replace(ours.device, serial="S"),
        first_seen=10.0,
        last_seen=70.0,
        earlier_discoveries=9,
        earlier_address_changes=5,
        restarts=5,
    )
    assert merged(both, theirs) == both
    site = Site()
    for stored in (ours, theirs, theirs):
        site.registry.merge(stored, at=START)
    assert site["A"] == both


def test_a_recorder_that_is_only_listed_here_is_imported_as_one() -> None:
    theirs = replace(camera(mac("R")), device=replace(device("R"), kind="recorder"))
    site = play(Site("R"), (0, take_over(theirs), "R unknown"))
    assert site["R"].device.kind == "recorder"


# ---- any order of events

MACS = "ABCDE"
INTERFACES = ("eth0", "eth1", "")
COUNTERS = ("discoveries", "earlier_discoveries", "address_changes", "earlier_address_changes", "restarts")

names = st.sampled_from(MACS)
addresses = st.sampled_from(["", "192.0.2.5", "192.0.2.6"])
sightings = st.builds(
    lambda name, address, said, interface, announced: (
        lambda site: site.hear(Device(mac(name), address, name=said), interface, announced=announced)
    ),
    names,
    addresses,
    st.sampled_from(["", "Lobby", "Door"]),
    st.sampled_from(INTERFACES),
    st.booleans(),
)
crowds = st.just(search("A B C D@eth1", on="eth0 eth1"))
searches = st.builds(
    lambda segments: lambda site: site.search(segments),
    st.dictionaries(st.sampled_from(INTERFACES[:2]), st.booleans(), max_size=2),
)
jumps = st.builds(jump, st.sampled_from([-YEAR, -DAY, -5.0, 5.0, DAY, YEAR]))
spans = st.tuples(st.floats(-YEAR, YEAR), st.floats(0, YEAR))
imports = st.builds(
    lambda name, address, span, earlier, change: take_over(
        replace(
            camera(mac(name)),
            device=Device(mac(name), address),
            label="Imported",
            first_seen=span and START + span[0],
            last_seen=span and START + span[0] + span[1],
            earlier_discoveries=earlier,
            earlier_address_changes=earlier // 2,
            address_change=change,
        )
    ),
    names,
    addresses,
    st.none() | spans,
    st.integers(0, 9),
    st.none() | st.builds(AddressChange, spans.map(lambda span: START + span[0]), addresses, addresses),
)
restarts = st.builds(lambda down: restart(down=down), st.sampled_from([0.0, 60.0, DAY]))
actions = st.one_of(sightings, sightings, crowds, searches, searches, searches, jumps, imports, restarts)
pauses = st.sampled_from([0.0, 0.1, 5.0, 60.0, 60.0, 130.0, 700.0, 1300.0, HOUR, DAY])
events = st.lists(st.tuples(pauses, st.one_of(actions, actions, actions, actions, names)), max_size=40)


@settings(max_examples=1500, deadline=None)
@given(events)
def test_no_order_of_events_breaks_what_always_holds(happening: list[tuple[float, Action | str]]) -> None:
    site = Site("AE", forget_after=2 * DAY)
    counted: dict[str, list[int]] = {}
    for pause, action in happening:
        site.monotonic += pause
        if isinstance(action, str):
            counted.pop(mac(action), None)
            site.registry.forget(mac(action))
        else:
            action(site)
        check_invariants(site)
        counted = check_counters(site, counted)
    check_restored(site)


def check_invariants(site: Site) -> None:
    cameras = site.registry.cameras
    assert [each.mac for each in cameras.values()] == list(cameras)
    assert cameras.keys() >= {mac("A"), mac("E")}, "listed"
    for each in cameras.values():
        assert each.status in STATUSES
        assert each.status not in PRESENT or each.misses < site.settings.offline_after
        assert each.first_seen is None or (each.last_seen is not None and each.first_seen <= each.last_seen)
        assert each.silence >= 0
    present = {key for key, each in cameras.items() if each.status in PRESENT}
    assert site.registry.conflicts().keys() <= present


def check_counters(site: Site, before: dict[str, list[int]]) -> dict[str, list[int]]:
    """Compare with the counters before, and return those now; who was dropped begins anew."""
    now = {key: [getattr(each, name) for name in COUNTERS] for key, each in site.registry.cameras.items()}
    for key in now.keys() & before.keys():
        assert all(new >= old for new, old in zip(now[key], before[key], strict=True)), key
    return now
