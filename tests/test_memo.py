"""A memo computes again when an argument differs, and only then."""

from exporter.memo import Memo


def test_equal_arguments_give_the_very_same_object() -> None:
    calls: list[tuple[int, str]] = []

    def pair(number: int, text: str) -> list[object]:
        calls.append((number, text))
        return [number, text]

    memo = Memo(pair)
    first = memo(1, "a")
    assert memo(1, "a") is first
    assert memo(2, "a") == [2, "a"]
    assert memo(1, "a") is not first, "the last call alone is remembered"
    assert calls == [(1, "a"), (2, "a"), (1, "a")]


def test_what_was_computed_of_no_arguments_is_remembered_too() -> None:
    def nothing() -> list[int]:
        return []

    memo = Memo(nothing)
    assert memo() is memo()


def test_a_call_that_raised_is_made_again() -> None:
    memo = Memo(int)
    assert memo("1") == 1
    for _ in range(2):
        try:
            memo("x")
        except ValueError:
            continue
        raise AssertionError
    assert memo("1") == 1
