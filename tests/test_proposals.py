"""Which of the printers found are proposed, and under which names and locations."""

from exporter.config import Config, parse
from exporter.discovery import hunt
from exporter.discovery.found import Announced, Found
from exporter.discovery.proposals import Known, propose
from exporter.discovery.sweep import Answer, Candidate, Seen
from exporter.printers.model import Identity
from tests.test_poll import V2C

NOTHING = Known()
DEFAULT = Candidate("default", V2C)
CONFIG = """
locations:
  - {network: 10.1.0.0/16, location: B1}
snmp:
  credentials:
    default: {version: 2c, community: public}
    old-ones: {version: 1, community: public}
printer_defaults: {credentials: CREDENTIALS}
printers:
  - {name: Lab, host: 10.2.0.1, location: B2}
"""


def config(credentials: str = "default") -> Config:
    return parse(CONFIG.replace("CREDENTIALS", credentials))


def answer(address: str, serial: str = "", **said: object) -> Answer:
    identity = Identity(model=str(said.pop("model", "C5535")), serial=serial, hostname=str(said.pop("hostname", "")))
    seen = Seen(address, 161, **{"candidate": DEFAULT, "identity": identity} | said)  # type: ignore[arg-type]
    return Answer(address, "printer", (seen,))


def fresh(*answers: Answer, known: Known = NOTHING, credentials: str = "default") -> tuple[Found, ...]:
    return propose(answers, (), config(credentials), known).fresh


def test_printers_are_proposed_by_address_not_by_who_answered_first() -> None:
    found = fresh(answer("10.3.0.10", "A123456"), answer("10.3.0.9", "B223456"), answer("2001:db8::1", "C323456"))
    assert [each.host for each in found] == ["10.3.0.9", "10.3.0.10", "2001:db8::1"]


def test_a_name_is_the_hosts_else_the_printers_else_the_model_and_the_address() -> None:
    found = fresh(
        answer("10.3.0.1", hostname="lobby", name="Lobby printer"),
        answer("10.3.0.2", name="Lobby printer"),
        answer("10.3.0.3"),
        answer("10.3.0.4", model=""),
    )
    assert [each.name for each in found] == ["lobby", "Lobby printer", "C5535 (10.3.0.3)", "10.3.0.4"]


def test_a_name_that_is_listed_or_proposed_already_gets_its_address() -> None:
    found = fresh(
        answer("10.3.0.1", hostname="Lab"),
        answer("10.3.0.2", hostname="Canon"),
        answer("10.3.0.3", hostname="Canon"),
        known=Known(names=frozenset({"Lab"})),
    )
    assert [each.name for each in found] == ["Lab (10.3.0.1)", "Canon", "Canon (10.3.0.3)"]


def test_what_is_listed_by_address_or_by_serial_number_is_not_proposed() -> None:
    known = Known(endpoints=frozenset({("10.3.0.1", 161), ("10.3.0.4", 1161)}), serials=frozenset({"B223456"}))
    answers = [
        answer("10.3.0.1", "A123456"),
        answer("10.3.0.2", "B223456"),
        answer("10.3.0.3", "A123456"),
        answer("10.3.0.4", "C323456"),
    ]
    found = propose(answers, (), config(), known)
    assert [each.host for each in found.fresh] == ["10.3.0.4"]
    assert (found.listed, found.doubled) == (3, 0)


async def test_a_printer_that_is_listed_over_ipp_is_known_where_it_answers_snmp() -> None:
    listed = "{ name: A, host: 10.3.0.1, protocol: ipp }, { name: B, host: '10.3.0.2:1631', protocol: ipps }"
    known, lost = await hunt.known(parse(f"printers: [{listed}, {{ name: C, host: c.invalid }}]").printers, ["", "S1"])
    assert known == Known(frozenset("ABC"), frozenset({("10.3.0.1", 161), ("10.3.0.2", 161)}), frozenset({"S1"}))
    assert lost == ["c.invalid"]


def test_one_printer_at_several_addresses_is_proposed_once_and_says_so() -> None:
    found = propose([answer("10.3.0.2", "A123456"), answer("10.3.0.1", "A123456")], (), config(), NOTHING)
    [one] = found.fresh
    assert (one.host, one.remark, found.doubled) == ("10.3.0.1", "also at 10.3.0.2", 1)


def test_a_serial_number_that_many_share_tells_nobody_apart() -> None:
    known = Known(serials=frozenset({"00000000"}))
    found = fresh(answer("10.3.0.1", "00000000"), answer("10.3.0.2", "00000000"), answer("10.3.0.3"), known=known)
    assert len(found) == 3


def test_the_same_serial_number_of_other_models_and_of_devices_behind_one_address_is_not_one_printer() -> None:
    found = fresh(
        answer("10.3.0.1", "A123456", device=1),
        answer("10.3.0.1", "A123456", device=2),
        answer("10.3.0.2", "A123456", model="C3530"),
        answer("10.3.0.3", "A123456"),
    )
    hosts = [(each.host, each.device) for each in found]
    assert hosts == [("10.3.0.1", 1), ("10.3.0.1", 2), ("10.3.0.2", None), ("10.3.0.3", None)]


def test_a_location_that_the_config_knows_is_written_down_as_it_spells_it() -> None:
    [one] = fresh(answer("10.3.0.1", location="b2"))
    assert (one.location, one.remark) == ("B2", "")


def test_any_other_location_is_a_remark() -> None:
    [one] = fresh(answer("10.3.0.1", location="2nd floor"))
    assert (one.location, one.remark) == ("", 'says it is in "2nd floor"')


def test_where_a_network_has_a_location_the_printers_own_is_a_remark_when_it_differs() -> None:
    same, other, silent = fresh(
        answer("10.1.0.1", location="B1"), answer("10.1.0.2", location="B2"), answer("10.1.0.3")
    )
    assert (same.location, same.remark) == ("", "")
    assert (other.location, other.remark) == ("", 'says it is in "B2"')
    assert (silent.location, silent.remark) == ("", "")


def test_credentials_are_named_where_they_are_not_those_of_all_printers() -> None:
    old = Candidate("old-ones", V2C)
    for shared in ("default", "old-ones"):
        found = fresh(answer("10.3.0.1"), answer("10.3.0.2", candidate=old), credentials=shared)
        assert [each.credentials or shared for each in found] == ["default", "old-ones"]
        assert "" in [each.credentials for each in found]


def test_an_announcement_fills_in_a_location_that_snmp_does_not_tell() -> None:
    announced = [Announced("10.3.0.1", "Lobby", location="B2"), Announced("10.3.0.2", "Hall", location="B1")]
    answers = [answer("10.3.0.1"), answer("10.3.0.2", location="B2")]
    assert [each.location for each in propose(answers, announced, config(), NOTHING).fresh] == ["B2", "B2"]


def test_what_only_announces_itself_is_told_apart_unless_it_is_listed() -> None:
    announced = [Announced(f"10.3.0.{number}", "One") for number in range(1, 6)]
    answers = [Answer("10.3.0.1", "silent"), Answer("10.3.0.2", "rejected"), Answer("10.3.0.3", "other")]
    answers += [Answer("10.3.0.4", "silent"), answer("10.3.0.5")]
    found = propose(answers, announced, config(), Known(endpoints=frozenset({("10.3.0.4", 161)})))
    assert [each.address for each in found.silent] == ["10.3.0.1", "10.3.0.2", "10.3.0.3"]
