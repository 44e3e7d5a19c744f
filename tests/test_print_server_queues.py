"""From what print servers say of queues to where their printers are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.discovery.answer import MAX_PRINTERS, LeftOut, ServerError, answer_of
from exporter.discovery.found import Found
from exporter.discovery.ports import Lead, Queue, is_address, leads
from exporter.discovery.uris import host_of


@pytest.mark.parametrize(
    ("port", "host"),
    [
        ("10.10.5.28", "10.10.5.28"),
        ("IP_10.10.5.28", "10.10.5.28"),
        ("10.10.5.28_1", "10.10.5.28"),
        ("10.10.5.28:9100", "10.10.5.28"),
        ("IP_10.10.5.28 (Copy 1)", "10.10.5.28"),
        ("HPLJ_10.10.5.28_2", "10.10.5.28"),
        ("http://10.10.5.28:631/ipp/print", "10.10.5.28"),
        ("IP_2001:db8::7", "2001:db8::7"),
    ],
)
def test_an_address_in_the_port_name_is_the_printers(port: str, host: str) -> None:
    assert leads(Queue("A", port), {}) == (Lead(host),)


@pytest.mark.parametrize(
    ("port", "host"),
    [
        ("kyocera.office.example", "kyocera.office.example"),
        ("IP_kyocera.office.example_1", "kyocera.office.example"),
        ("kyocera:9100", "kyocera"),
        ("TSC-17", "TSC-17"),
        ("http://kyocera:80/WebServices/Device", "kyocera"),
    ],
)
def test_a_port_named_like_a_host_is_a_guess(port: str, host: str) -> None:
    assert leads(Queue("A", port), {}) == (Lead(host, is_guess=True),)


def test_what_the_port_was_set_to_counts_before_its_name() -> None:
    hosts = {"IP_10.10.5.28": "10.10.5.99", "KM": "kyocera", "odd": "not a host!"}
    assert leads(Queue("A", "IP_10.10.5.28"), hosts) == (Lead("10.10.5.99"),)
    assert leads(Queue("A", "KM"), hosts) == (Lead("kyocera"),)
    assert leads(Queue("A", "odd"), hosts) == (Lead("odd", is_guess=True),)


@pytest.mark.parametrize("field", ["location", "comment", "name"])
def test_one_address_in_the_words_of_people_leads_to_the_printer(field: str) -> None:
    words = {"name": "A", "port": "WSD-1c4b 31"} | {field: "at http://10.10.5.28:80/, by the window"}
    assert leads(Queue(**words), {}) == (Lead("10.10.5.28"),)


def test_of_several_addresses_in_the_words_of_people_none_is_taken() -> None:
    assert leads(Queue("A", "WSD-1c4b 31", comment="10.10.5.28, was 10.10.5.27"), {}) == "no_address"


@pytest.mark.parametrize(
    ("port", "driver", "why"),
    [
        *((port, "", "local") for port in ("LPT1:", "COM1:", "USB001", "DOT4_001", "TS003", "IP_127.0.0.1", "BTH001")),
        *((port, "", "local") for port in ("localhost:9100", "IP_LOCALHOST", "http://localhost/ipp")),
        *((port, "", "relayed") for port in (r"\\dc4\Hall", "http://dc4/printers/Hall/.printer")),
        *((port, "", "virtual") for port in ("nul:", "FILE:", "PORTPROMPT:", "XPSPort:", "SHRFAX:", r"C:\out.prn")),
        *((port, "", "virtual") for port in ("Microsoft.Office.OneNote_16.0", "PDFCreator:", r"Documents\*.pdf")),
        ("odd:", "Microsoft XPS Document Writer v4", "virtual"),
        ("odd:", "Acme PDF Converter", "virtual"),
        *((port, "", "no_address") for port in ("", "0.0.0.0", "IP_999.1.1.1", "224.0.0.1", "1.2.3.4.5", "12", "a b")),
        *((port, "", "no_address") for port in ("WSD-1c4b8e31-0b1e", "wsd-1c4b.0069")),
    ],
)
def test_a_queue_without_a_printer_in_the_network_is_left_out(port: str, driver: str, why: str) -> None:
    assert leads(Queue("A", port, driver), {}) == why


def test_a_printer_whose_driver_speaks_of_pdf_is_one_if_it_has_an_address() -> None:
    assert leads(Queue("A", "IP_10.10.5.28", "KX DRIVER with Direct PDF"), {}) == (Lead("10.10.5.28"),)


@given(st.text(), st.text(), st.text(), st.dictionaries(st.text(), st.text()))
def test_any_words_lead_somewhere_or_nowhere(port: str, driver: str, comment: str, hosts: dict[str, str]) -> None:
    found = leads(Queue("A", port, driver, comment), hosts | {port: comment})
    assert isinstance(found, str) or all(lead.host for lead in found)


@pytest.mark.parametrize(
    ("uri", "host"),
    [
        ("socket://10.10.5.28:9100", "10.10.5.28"),
        ("ipp://kyocera.office.example/ipp/print", "kyocera.office.example"),
        ("ipps://[2001:db8::7]:631/ipp/print", "2001:db8::7"),
        ("lpd://10.10.5.28/queue", "10.10.5.28"),
        ("http://10.10.5.28:631/ipp", "10.10.5.28"),
        ("ipp://joe:planted@10.10.5.28/ipp/print", "10.10.5.28"),
        ("hp:/net/HP_LaserJet?ip=10.10.5.28&port=2", "10.10.5.28"),
        ("hpfax:/net/HP_LaserJet?hostname=laserjet.office.example", "laserjet.office.example"),
        ("beh:/1/3/5/socket://10.10.5.28:9100", "10.10.5.28"),
        ("tea4cups://lpd://10.10.5.28/queue", "10.10.5.28"),
    ],
)
def test_a_device_uri_leads_to_the_printer(uri: str, host: str) -> None:
    assert host_of(uri) == Lead(host)


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("dnssd://Kyocera%20TASKalfa._ipp._tcp.local/?uuid=1", "no_address"),
        ("hp:/net/HP_LaserJet?zc=NPI1A2B3C", "no_address"),
        ("socket://", "no_address"),
        ("socket://[oops", "no_address"),
        ("ipp://10.10.5.280/ipp", "no_address"),
        ("", "virtual"),
        ("///dev/null", "virtual"),
        ("cups-pdf:/", "virtual"),
        ("implicitclass://Hall/", "virtual"),
        ("usb://HP/LaserJet%201200?serial=1", "local"),
        ("hp:/usb/HP_LaserJet?serial=1", "local"),
        ("ipp://localhost:60000/ipp/print", "local"),
        ("smb://dc3/Hall", "relayed"),
        ("ipp://cups2:631/printers/Hall", "relayed"),
        ("ipp://cups2:631/classes/All", "relayed"),
    ],
)
def test_a_device_uri_without_a_printer_in_the_network_says_why(uri: str, why: str) -> None:
    assert host_of(uri) == why


@given(st.text())
def test_any_device_uri_leads_somewhere_or_nowhere(text: str) -> None:
    for uri in (text, f"socket://{text}", f"hp:/net/x?ip={text}"):
        lead = host_of(uri)
        assert isinstance(lead, str) or lead.host


def test_queues_of_one_printer_count_once_and_the_shortest_name_comes_first() -> None:
    answer = answer_of([Found("Hall A3", "KM"), Found("Hall", "km"), LeftOut("P", "virtual"), Found("Lab", "km", 1161)])
    assert [found.name for found in answer.found] == ["Lab", "Hall", "Hall A3"]
    assert (answer.printers, answer.left_out) == (2, (LeftOut("P", "virtual"),))


def test_more_printers_than_a_server_can_have_are_refused_whole() -> None:
    printers = [Found(f"P{number}", f"p{number}") for number in range(MAX_PRINTERS)]
    queues = [LeftOut(f"V{number}", "virtual") for number in range(5_000)]
    assert len(answer_of([*printers, *queues]).found) == MAX_PRINTERS
    with pytest.raises(ServerError, match="2,001 printers, of which at most 2,000 are taken"):
        answer_of([*printers, Found("P", "p")])


@pytest.mark.parametrize("text", ["0.0.0.0", "255.255.255.255", "224.0.0.251", "::", "ff02::1", "nobody", ""])
def test_no_printer_has_such_an_address(text: str) -> None:
    assert not is_address(text)
