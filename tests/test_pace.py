"""How datagrams are spread over time."""

from exporter.discovery.pace import Pace


def test_turns_come_at_a_steady_rate_however_many_wait() -> None:
    pace = Pace(100)
    assert [round(pace.delay(7.0), 3) for _ in range(4)] == [0.0, 0.01, 0.02, 0.03]


def test_nothing_is_saved_up_while_nobody_asks() -> None:
    pace = Pace(100)
    pace.delay(7.0)
    assert [round(pace.delay(60.0), 3) for _ in range(2)] == [0.0, 0.01]
