"""Entries for printers found, as YAML and put into a config that a person wrote."""

import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter import yamlsource
from exporter.config import ConfigError, parse
from exporter.discovery import entries
from exporter.discovery.entries import WriteError, as_yaml, merged, named, write
from exporter.discovery.found import Found

NEW = Found("Studio", "10.0.0.9")
ROOM = Found("Reading room", "10.0.0.10", credentials="hq-v3")
LINES = "  - name: Studio\n    host: 10.0.0.9\n"


def test_an_entry_has_what_a_config_may_say_and_the_rest_as_a_comment() -> None:
    found = Found(
        "Ä: #1",
        "2001:db8::7",
        port=1161,
        location="B1",
        credentials="hq-v3",
        model="iR-ADV C5535",
        serial="XYZ123",
        device=2,
        remark='the printer says "2nd floor"',
    )
    assert as_yaml([found]) == (
        "printers:\n"
        '  # iR-ADV C5535, serial XYZ123, the printer says "2nd floor"\n'
        "  - name: 'Ä: #1'\n"
        "    host: '[2001:db8::7]:1161'\n"
        "    device: 2\n"
        "    location: B1\n"
        "    credentials: hq-v3\n"
    )


def test_no_printers_are_an_empty_list() -> None:
    assert parse(as_yaml([])).printers == ()


TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp", "Cf", "Co", "Cn"]), min_size=1, max_size=300)


@given(st.lists(st.builds(Found, name=TEXT, host=st.just("10.0.0.9"), remark=st.text(), model=st.text())))
def test_any_name_and_any_comment_come_back_from_the_yaml_as_they_were(found: list[Found]) -> None:
    listed = yamlsource.read(as_yaml(found)).data["printers"]
    assert listed == [{"name": each.name, "host": each.host} for each in found]


def test_a_name_that_is_taken_gets_its_host_and_then_a_number() -> None:
    found = [NEW, Found("Studio", "10.0.0.10"), Found("Studio", "10.0.0.11"), Found("Studio", "10.0.0.11")]
    names = [each.name for each in named(found, {"Studio (10.0.0.10)"})]
    assert names == ["Studio", "Studio (10.0.0.10) 2", "Studio (10.0.0.11)", "Studio (10.0.0.11) 2"]


def test_a_name_that_nobody_told_is_the_host() -> None:
    assert [each.name for each in named([Found("", "10.0.0.9", 1161)], ())] == ["10.0.0.9:1161"]


def test_a_name_with_its_host_stays_within_a_labels_length() -> None:
    long = "n" * 200
    first, second = named([Found(long, "10.0.0.9"), Found(long, "10.0.0.8", device=3)], ())
    assert first.name == "n" * 128
    assert second.name.endswith("nn (10.0.0.8 device 3)")
    assert len(second.name) == 128


# ---- into a text


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            "# ours\nprinters:\n  - {name: A, host: a}   # first\n\n# cameras\ncameras: {}\n",
            f"# ours\nprinters:\n  - {{name: A, host: a}}   # first\n{LINES}\n# cameras\ncameras: {{}}\n",
            id="behind the last entry and its comment",
        ),
        pytest.param(
            "printers:\n- name: A\n  host:   a\n  # says who?\n\n# more\n",
            "printers:\n- name: A\n  host:   a\n  # says who?\n- name: Studio\n  host: 10.0.0.9\n\n# more\n",
            id="with the margin of the list",
        ),
        pytest.param(
            "printers:\n      -\n          name: A\n          host: a\n          location:",
            "printers:\n      -\n          name: A\n          host: a\n          location:\n"
            "      - name: Studio\n        host: 10.0.0.9\n",
            id="behind a file without an end of line, and a key without a value",
        ),
        pytest.param(
            "printers: &ours\n  - name: |-\n      A\n\n    host: a\n  - host: b\n    name: |\n      B\n\ncameras: {}\n",
            "printers: &ours\n  - name: |-\n      A\n\n    host: a\n  - host: b\n    name: |\n      B\n\n"
            f"{LINES}cameras: {{}}\n",
            id="behind text of several lines",
        ),
        pytest.param("printers: []  # none\n", f"printers:  # none\n{LINES}", id="in place of an empty list"),
        pytest.param("printers:\ncameras: {}\n", f"printers:\n{LINES}cameras: {{}}\n", id="below an empty key"),
        pytest.param("printers: ~", f"printers:\n{LINES}", id="in place of null"),
        pytest.param(
            "---\ncameras: {}\n...\n# end\n", f"---\ncameras: {{}}\nprinters:\n{LINES}...\n# end\n", id="as a section"
        ),
        pytest.param(
            "  cameras: {}",
            f"  cameras: {{}}\n  printers:\n  {LINES[:-1].replace(chr(10), chr(10) + '  ')}\n",
            id="as an indented section",
        ),
        pytest.param(
            "\ufeffprinters: []\r\ncameras: {}\r\n",
            "\ufeffprinters:\r\n" + LINES.replace("\n", "\r\n") + "cameras: {}\r\n",
            id="with the file's ends of lines and its mark",
        ),
    ],
)
def test_new_entries_go_behind_the_others_and_all_else_stays_as_it_was(before: str, after: str) -> None:
    assert merged(before, [NEW]) == after


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("printers: [{name: A, host: a}]\n", id="in brackets"),
        pytest.param('{"cameras": {}}\n', id="JSON"),
        pytest.param("printers: [ # none yet\n  ]\n", id="a comment in brackets"),
        pytest.param("supplies: &none []\nprinters: *none\n", id="an alias"),
        pytest.param("printers: &none []\nsupplies: *none\n", id="a list that stands elsewhere too"),
    ],
)
def test_a_list_that_cannot_be_added_to_line_by_line_is_left_to_a_person(text: str) -> None:
    parse(text)
    with pytest.raises(WriteError, match="add them by hand"):
        merged(text, [NEW])


def test_the_example_config_takes_entries_behind_all_others_and_only_gains_lines() -> None:
    text = Path("config.example.yaml").read_text()
    result = merged(text, [NEW, ROOM])
    fresh = as_yaml([NEW, ROOM]).removeprefix("printers:\n")
    assert result.replace(fresh, "") == text
    before, after = parse(text).printers, parse(result).printers
    assert after[: len(before)] == before
    assert [each.name for each in after[len(before) :]] == ["Studio", "Reading room"]


MARGINS = st.sampled_from(["", "  ", "      "])
COMMENTS = st.sampled_from(["", "  # it is\n", "\n", "# no\n\n", "        # deep\n"])
ENTRIES = st.sampled_from(
    [
        "name: {0}\n{1}  host: h{0}\n",
        "{{name: {0}, host: h{0}}}  # in brackets\n",
        "\n{1}  host: h{0}\n{1}  name: {0}\n{1}  location:\n",
        "host: h{0}\n{1}  name: >-\n{1}     {0}\n\n",
        "host: h{0}\n{1}  name: '{0}'\n{1}  labels: {{\n{1}   a: b}}\n",
        "host: h{0}\n{1}  supplies:\n{1}  - match: {{kind: x}}\n{1}    ignore: true\n{1}  name: p{0}\n",
        "host: h{0}\n{1}  name: p{0}\n{1}  supplies:\n{1}  -  match: {{kind: x}}\n\n{1}     ignore: true # so\n",
    ]
)


@given(
    MARGINS,
    st.lists(st.tuples(ENTRIES, COMMENTS), min_size=1, max_size=4),
    st.sampled_from(["", "cameras: {}\n", "? cameras\n"]),
)
def test_a_list_in_any_style_keeps_every_line(margin: str, listed: list[tuple[str, str]], rest: str) -> None:
    lines = [f"{margin}- {text.format(number, margin)}{comment}" for number, (text, comment) in enumerate(listed)]
    text = f"printers:\n{''.join(lines)}{rest}"
    result = merged(text, [NEW])
    assert result.replace(f"{margin}- name: Studio\n{margin}  host: 10.0.0.9\n", "") == text
    before, after = yamlsource.read(text).data["printers"], yamlsource.read(result).data["printers"]
    assert isinstance(before, list)
    assert after == [*before, {"name": NEW.name, "host": NEW.host}]


# ---- into a file

CONFIG = (
    "# ours\nsnmp:\n  credentials:\n    default: {version: 2c, community: s3cret}\nprinters:\n  - {name: A, host: a}\n"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    path.chmod(0o640)
    return path


def test_the_file_gets_the_entries_and_its_old_self_stays_beside_it(path: Path) -> None:
    assert write(path, [NEW]) == path.with_name("config.yaml.bak1")
    assert path.read_text() == CONFIG + LINES
    assert path.with_name("config.yaml.bak1").read_text() == CONFIG
    assert write(path, [Found("Lab", "10.0.0.10")]) == path.with_name("config.yaml.bak2")
    assert path.with_name("config.yaml.bak2").read_text() == CONFIG + LINES
    assert sorted(each.name for each in path.parent.iterdir()) == [
        "config.yaml",
        "config.yaml.bak1",
        "config.yaml.bak2",
    ]


def test_mode_and_owner_are_those_of_the_file_in_both(path: Path) -> None:
    if os.geteuid() == 0:
        os.chown(path, 4321, 1234)
    before = path.stat()
    backup = write(path, [NEW])
    for each in (path, backup):
        now = each.stat()
        assert (stat.S_IMODE(now.st_mode), now.st_uid, now.st_gid) == (0o640, before.st_uid, before.st_gid)


def test_a_link_goes_on_leading_to_the_file(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "here" / "config.yaml"
    link.parent.mkdir()
    link.symlink_to(path)
    assert write(link, [NEW]) == path.with_name("config.yaml.bak1")
    assert link.is_symlink()
    assert path.read_text() == CONFIG + LINES


def test_a_file_that_somebody_changes_meanwhile_is_theirs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def change(text: str, found: object) -> str:
        path.write_text(f"{CONFIG}# one more word\n")
        return text

    monkeypatch.setattr(entries, "merged", change)
    with pytest.raises(WriteError, match="was changed meanwhile: nothing is written"):
        write(path, [NEW])
    assert path.read_text() == f"{CONFIG}# one more word\n"
    assert list(path.parent.iterdir()) == [path]


def test_a_faulty_config_is_not_written_to(path: Path) -> None:
    path.write_text("printres: []\n")
    with pytest.raises(ConfigError, match="printers"):
        write(path, [NEW])
    assert path.read_text() == "printres: []\n"


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (Found("A", "10.0.0.9"), "the printer in line 6 has the same name"),
        (Found("B", "A"), "the printer in line 6 has the same host and port"),
        (Found("B", "b", credentials="v3"), "no such name in snmp.credentials"),
        (Found("B", "no host"), "expected a host name or an IP address"),
    ],
)
def test_entries_that_make_the_config_faulty_are_not_written(path: Path, found: Found, why: str) -> None:
    with pytest.raises(WriteError, match=f"with these entries the config would be faulty: {why}"):
        write(path, [found])
    assert path.read_text() == CONFIG
    assert list(path.parent.iterdir()) == [path]


def test_a_disk_that_is_full_leaves_the_file_as_it_was(small_disk: Path) -> None:
    path = small_disk / "config.yaml"
    path.write_text(CONFIG)
    (small_disk / "rest").write_bytes(bytes(1_040_000))
    found = [Found(f"Studio {number}", f"h{number}") for number in range(2_000)]
    with pytest.raises(WriteError, match=r"config\.yaml: cannot be written: No space left on device"):
        write(path, found)
    assert path.read_text() == CONFIG
    assert sorted(each.name for each in small_disk.iterdir()) == ["config.yaml", "rest"]


def test_no_error_tells_a_secret(path: Path) -> None:
    with pytest.raises(WriteError) as caught:
        write(path, [Found("A", "10.0.0.9")])
    assert "s3cret" not in str(caught.value)
    assert caught.value.__context__ is None or "s3cret" not in repr(caught.value.__context__)
