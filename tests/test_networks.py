"""Networks, ranges and addresses as a person writes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.discovery.networks import MAX_ADDRESSES, addresses, span


def hosts(*texts: str) -> list[str]:
    return [str(address) for address in addresses(map(span, texts))]


@pytest.mark.parametrize(
    ("text", "first", "last", "count"),
    [
        ("10.10.5.0/24", "10.10.5.1", "10.10.5.254", 254),
        ("10.10.4.0/22", "10.10.4.1", "10.10.7.254", 1022),
        ("10.10.5.8/30", "10.10.5.9", "10.10.5.10", 2),
        ("10.10.5.8/31", "10.10.5.8", "10.10.5.9", 2),
        ("10.10.5.8/32", "10.10.5.8", "10.10.5.8", 1),
        ("10.10.5.28", "10.10.5.28", "10.10.5.28", 1),
        ("10.10.5.250-10.10.6.3", "10.10.5.250", "10.10.6.3", 10),
        ("10.10.5.20-40", "10.10.5.20", "10.10.5.40", 21),
        ("10.10.5.255-255", "10.10.5.255", "10.10.5.255", 1),
        ("2001:db8::/112", "2001:db8::1", "2001:db8::ffff", 65_535),
        ("2001:db8::8/127", "2001:db8::8", "2001:db8::9", 2),
        ("2001:db8::28", "2001:db8::28", "2001:db8::28", 1),
        ("2001:db8::a-1f", "2001:db8::a", "2001:db8::1f", 22),
    ],
)
def test_what_is_written_stands_for_the_hosts_in_it(text: str, first: str, last: str, count: int) -> None:
    found = hosts(text)
    assert (found[0], found[-1], len(found)) == (first, last, count)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("10.10.5.1/24", "this is an address inside a network; the network is 10.10.5.0/24"),
        ("10.10.5.0/33", "expected a network such as 10.10.5.0/24"),
        ("printers.example.com", "expected a network such as 10.10.5.0/24"),
        ("", "expected a network"),
        ("10.10.5.", "expected a network"),
        ("10.10.5.40-20", "a range ends behind its start"),
        ("10.10.5.40-2001:db8::1", "expected a range"),
        ("10.10.5.20-", "expected a range such as 10.10.5.20-10.10.5.40 or 10.10.5.20-40"),
        ("-20", "expected a range"),
        ("10.10.5.20-10.10.5.30-40", "expected a range"),
        ("224.0.0.251", "hosts have no such addresses"),
        ("ff02::fb", "hosts have no such addresses"),
        ("0.0.0.0", "hosts have no such addresses"),
        ("fe80::1%eth0", "holds on one link only"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_plain_words(text: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        span(text)


@given(st.text(st.sampled_from("0123456789abcdef.:/-%")))
def test_any_text_is_understood_or_refused(text: str) -> None:
    try:
        found = span(text)
    except ValueError:
        return
    assert found.count >= 1


def test_an_address_is_asked_once_in_the_order_given() -> None:
    assert hosts("10.0.0.3", "10.0.0.2-4") == ["10.0.0.3", "10.0.0.2", "10.0.0.4"]


def test_too_many_are_refused_before_they_are_made() -> None:
    with pytest.raises(ValueError, match="18,446,744,073,709,551,615 addresses are too many: at most 65,536"):
        hosts("2001:db8::/64")
    with pytest.raises(ValueError, match="65,537 addresses are too many"):
        hosts("10.0.0.0-10.1.0.0")
    assert len(hosts("10.0.0.0-10.0.255.255")) == MAX_ADDRESSES
