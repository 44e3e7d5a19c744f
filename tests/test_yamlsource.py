"""What a config reader needs of YAML: the text of scalars, the line of every key, bounds and plain messages."""

import math
from collections.abc import Iterator

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter import yamlsource
from exporter.yamlsource import Mapping, Plain, Sequence, YamlError, read


@pytest.fixture(params=["CSafeLoader", "SafeLoader"], autouse=True)
def _loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Everything holds with libyaml and without it."""
    if not hasattr(yaml, request.param):
        pytest.skip("PyYAML was built without libyaml")
    with monkeypatch.context() as patch:
        patch.setattr(yamlsource, "LOADER", getattr(yaml, request.param))
        yield


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("True", True),
        ("FALSE", False),
        ("0", 0),
        ("-12", -12),
        ("+12", 12),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("1.5", 1.5),
        (".5", 0.5),
        ("1.", 1.0),
        ("1e3", 1000.0),
        ("-1.5E-1", -0.15),
        (".inf", math.inf),
        ("-.Inf", -math.inf),
        ("1e999", math.inf),
        *[(text, text) for text in ("yes", "No", "on", "OFF", "y", "tRue", "1e3x", "1_000", "12:30")],
        *[(text, text) for text in ("0b1", "0o8", "-0x1", "2026-12-24", "1.2.3.4", "..")],
    ],
)
def test_a_plain_scalar_is_its_text_and_has_its_yaml_1_2_value(text: str, value: object) -> None:
    got = read(f"key: {text}").data["key"]
    assert isinstance(got, Plain)
    assert (str(got), got.value) == (text, value)
    assert type(got.value) is type(value)


def test_not_a_number_is_one() -> None:
    assert math.isnan(float(Plain(".nan").value))


@pytest.mark.parametrize("text", ["'true'", '"010"', "!!str 010", "! 010", "|-\n  010", ">-\n  yes"])
def test_quoted_block_and_tagged_text_is_only_text(text: str) -> None:
    assert type(read(f"key: {text}").data["key"]) is str


@pytest.mark.parametrize("text", ["", "~", "null", "Null", "NULL", "# nothing"])
def test_nothing_is_none(text: str) -> None:
    assert read(f"key: {text}").data == {"key": None}


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "~", "\ufeff", "--- # start\n...\n"])
def test_a_text_that_says_nothing_is_an_empty_mapping(text: str) -> None:
    assert read(text).data == {}


TEXT = """\
a: 1
b:
  c: x

  d: [1,
    2, {e: f}]
"g h":
    - i: j
      k:
        l
    -
      m: n
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 1),
        (("a",), 1),
        (("b",), 2),
        (("b", "c"), 3),
        (("b", "d"), 5),
        (("b", "d", 0), 5),
        (("b", "d", 1), 6),
        (("b", "d", 2, "e"), 6),
        (("g h",), 7),
        (("g h", 0), 8),
        (("g h", 0, "k"), 9),
        (("g h", 1, "m"), 12),
        (("g h", 1, "missing", "deeper"), 12),
        (("g h", 9), 7),
        (("missing",), 1),
        (("a", "too deep"), 1),
        (("b", 0), 2),
    ],
)
def test_every_path_has_a_line_and_what_is_missing_has_its_parents(path: yamlsource.Path, line: int) -> None:
    assert read(TEXT).line(path) == line


def test_it_knows_what_is_written() -> None:
    document = read(TEXT)
    assert document.has(())
    assert document.has(("b", "d", 2, "e"))
    assert not document.has(("b", "d", 3))
    assert not document.has(("b", "d", "e"))


def test_carriage_returns_do_not_shift_lines() -> None:
    assert read("a: 1\r\nb: 2\r\n").line(("b",)) == 2


def test_a_repeated_key_keeps_its_first_value_and_is_told_with_both_lines() -> None:
    document = read("a: 1\nb:\n  - {c: 1, c: 2}\na: 2\n")
    assert document.data == {"a": "1", "b": [{"c": "1"}]}
    assert [(again.line, again.first, again.path) for again in document.repeated] == [
        (3, 3, ("b", 0, "c")),
        (4, 1, ("a",)),
    ]


def test_an_alias_gives_the_value_and_has_its_own_line() -> None:
    document = read("a: &x\n  b: 1\nc: *x\nd: &y text\ne: *y\n")
    assert document.data == {"a": {"b": "1"}, "c": {"b": "1"}, "d": "text", "e": "text"}
    assert (document.line(("c",)), document.line(("c", "b")), document.line(("e",))) == (3, 2, 5)


def test_merge_keys_fill_in_what_a_mapping_does_not_say_and_the_first_one_wins() -> None:
    document = read("a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc:\n  <<: [*a, *b]\n  x: 3\n")
    assert document.data["c"] == {"x": "3", "y": "1", "z": "2"}
    assert (document.line(("c", "x")), document.line(("c", "y")), document.line(("c", "z"))) == (5, 1, 2)


def test_a_quoted_merge_key_is_a_key() -> None:
    assert read('"<<": 1').data == {"<<": "1"}


def test_keys_are_text_whatever_they_look_like() -> None:
    assert list(read("010: a\ntrue: b\n~: c\n'': d").data) == ["010", "true", "~", ""]


def test_data_are_lists_and_mappings_of_our_own() -> None:
    data = read("a: [1]").data
    assert (type(data), type(data["a"])) == (Mapping, Sequence)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a: 1\n\tb: 2", 2, "a tab cannot indent: use spaces"),
        ("a:\n  - @x", 2, "a value that starts with @, % or ` needs quotes"),
        ("a: {b: 1\nc: 2", 2, "a { or [ is not closed, or a comma is missing (opened in line 1)"),
        ("a: [1, 2", 1, "a { or [ is not closed, or a comma is missing"),
        ("a: {b: x${Y}}", 1, 'inside { } or [ ] put quotes around "${…}"'),
        ("a:\n  'x\n", 2, "a quote is opened here and never closed"),
        ("a: 1\nb", 2, 'expected "key: value"'),
        ("a: 1\n---\nb: 1", 2, "a second document starts here: only one is read"),
        ("- a", 1, 'expected keys such as "printers:"'),
        ("a: *b", 1, "no such anchor above (a value that starts with * needs quotes)"),
        ("a: &b {c: *b}", 1, "no such anchor above (a value that starts with * needs quotes)"),
        ("a: !!python/name:os.system x", 1, yamlsource._TAGGED),
        ("a: !!timestamp 2026-12-24", 1, yamlsource._TAGGED),
        ("? {a: b}\n: c", 1, "a key must be plain text (put quotes around { } and [ ] in keys)"),
        ("&a k: v\n*a : c", 2, "a key must be plain text (put quotes around { } and [ ] in keys)"),
        ("a:\n  <<: 1", 2, '"<<" takes a mapping or a list of mappings'),
        ("a: 1\nb: \x1b[31m", 2, "character U+001B is not allowed"),
        ("a: \ud800", 1, "character U+D800 is not allowed"),
        ("a: b\ufeff", 1, "character U+FEFF is not allowed"),
        ("a: " + "[" * 40 + "]" * 40, 1, "nested deeper than 32 levels"),
        ("a: " + "[" * 100_000, 1, "nested deeper than 32 levels"),
        ("- " * 40, 1, "nested deeper than 32 levels"),
    ],
)
def test_a_fault_names_its_line_in_plain_words(text: str, line: int, message: str) -> None:
    with pytest.raises(YamlError) as caught:
        read(text)
    assert (caught.value.line, caught.value.message) == (line, message)


def test_an_alias_bomb_is_refused_before_it_goes_off() -> None:
    bomb = "a0: &a0 [x, x, x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30))
    with pytest.raises(YamlError, match="more than 500,000 values"):
        read(bomb)


def test_as_many_values_as_the_bound_says_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yamlsource, "MAX_NODES", 8)
    assert read("a: &x [1, 2]\nb: 1").data == {"a": ["1", "2"], "b": "1"}
    with pytest.raises(YamlError, match="line 2: more than 8 values"):
        read("a: &x [1, 2]\nb: *x")


SECRET = "hunter2hunter2"  # noqa: S105  (planted)


@pytest.mark.parametrize(
    "text",
    [
        f"a: *{SECRET}",
        f"a: !{SECRET} x",
        f"a: !{SECRET}!{SECRET} x",
        f"a: !<{SECRET}> x",
        f"a: @{SECRET}",
        f"a: `{SECRET}",
        f"a: %{SECRET}",
        f"%{SECRET}",
        f"a: {SECRET}: b",
        f"a: 1\n{SECRET}",
        f'a: "{SECRET}\\q"',
        f'a: "{SECRET}',
        f"a: '{SECRET}",
        f"a: {{b: {SECRET}",
        f"a: {{b: ${{{SECRET}}}}}",
        f"a: [{SECRET}]]",
        f"a: 'b' {SECRET}",
        f"a: |x{SECRET}\n  b",
        f"a: &{SECRET} *{SECRET}",
        f"a: {{<<: {SECRET}}}",
        f"{SECRET}",
        f"a: 1\n {SECRET}\n  : b",
        f"a: {SECRET}\x07",
    ],
)
def test_no_message_quotes_the_text(text: str) -> None:
    with pytest.raises(YamlError) as caught:
        read(text)
    assert SECRET not in str(caught.value)


@settings(deadline=None)
@given(st.text() | st.text(alphabet="ab:-?[]{}&*!|>'\"%@`,#<.~0 \t\n\\", max_size=40))
def test_any_text_is_read_or_is_a_fault_within_the_text(text: str) -> None:
    got: Mapping | YamlError
    try:
        got = read(text).data
    except YamlError as error:
        got = error
    assert isinstance(got, Mapping) or (got.message and 1 <= got.line <= len(text.splitlines()) + 1)


@settings(deadline=None)
@given(st.text(), st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])))
def test_what_a_yaml_writer_writes_is_read_back(key: str, value: str) -> None:
    if yamlsource._UNREADABLE.search(key + value):
        return
    text = yaml.safe_dump({key: value, "list": [value]}, default_style='"', allow_unicode=True)
    assert read(text).data == {key: value, "list": [value]} | ({"list": value} if key == "list" else {})
