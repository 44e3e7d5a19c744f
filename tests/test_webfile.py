"""The web config file: what is taken, what is refused, and what a change of it does."""

import logging
import os
import re
import shutil
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from exporter import cli, logs
from exporter.configfaults import ConfigError
from exporter.web.webfile import RateLimit, Watched, WebConfig, load
from tests.support.pems import hash_of, locked, write_pair

BAD = sorted((Path(__file__).parent / "badwebconfigs").glob("*.yaml"))
TLS = "tls_server_config: { cert_file: cert.pem, key_file: key.pem }\n"
HASH = hash_of("open sesame")
USERS = f"basic_auth_users: {{ alice: {HASH} }}\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bad files, beside what they name."""
    made = tmp_path_factory.mktemp("web")
    pair = write_pair(made)
    write_pair(made, stem="other-")
    (made / "garbage.pem").write_text("s3cret\n")
    (made / "cut.pem").write_bytes((made / "cert.pem").read_bytes()[:-60])
    (made / "locked-key.pem").write_bytes(locked(pair.private_key_pem.bytes(), b"s3cret"))
    (made / "config.yaml").write_text("printers: [{ name: One, host: 192.0.2.1 }]\n")
    for path in BAD:
        shutil.copy(path, made)
    return made


def written(folder: Path, text: str) -> Path:
    path = folder / "web.yml"
    path.write_text(text)
    return path


def from_load(path: Path) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path)
    return str(caught.value).splitlines()


# ---- bad files


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
@pytest.mark.parametrize("way", ["load", "check", "start"])
def test_a_bad_file_has_exactly_these_faults_wherever_it_is_read(
    way: str, path: Path, folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = re.findall(r"^# expect: (.*)$", path.read_text(), re.MULTILINE)
    assert expected
    path = folder / path.name
    if way == "load":
        found = from_load(path)
    else:
        monkeypatch.setattr(logs, "configure", lambda *_: None)
        options = [f"--config.file={folder / 'config.yaml'}", f"--web.config.file={path}"]
        assert cli.main([*(["check"] if way == "check" else []), *options]) == 1
        found = capsys.readouterr().err.splitlines()
    assert found == [f"{path}:{line}" for line in expected]


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_no_fault_shows_a_secret_or_is_left_in_pydantics_words(path: Path, folder: Path) -> None:
    found = "\n".join(from_load(folder / path.name)).replace(str(folder), "")
    assert not re.search(r"s3cret|8QPuF36|not usable here|Input should|Value error|Field required", found)


@pytest.mark.parametrize("text", ["", "\n  \n"])
def test_an_empty_file_is_refused_because_it_may_be_one_that_somebody_is_writing(text: str, tmp_path: Path) -> None:
    path = written(tmp_path, text)
    assert from_load(path) == [f"{path}:1: empty; a file that asks for nothing has {{}} in it"]


def test_a_file_that_is_not_there_is_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "none.yml"
    assert from_load(path) == [f"{path}: cannot be read: No such file or directory"]


def test_check_tells_the_faults_of_both_files(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "configure", lambda *_: None)
    (tmp_path / "config.yaml").write_text("printer: []\n")
    config, web = tmp_path / "config.yaml", folder / "versions-order.yaml"
    assert cli.main(["check", str(config), f"--web.config.file={web}"]) == 1
    shown = capsys.readouterr().err
    assert f"{config}:1: printer: unknown key" in shown
    assert f"{web}:6: tls_server_config.min_version: is above max_version" in shown


def test_check_tells_what_a_good_file_asks_for(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "configure", lambda *_: None)
    web = folder / "good.yml"
    web.write_text(TLS + USERS)
    assert cli.main(["check", str(folder / "config.yaml"), f"--web.config.file={web}"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"{web}: valid, TLS, 1 users"


# ---- good files


@pytest.mark.parametrize("text", ["{}", "# nothing\n", "tls_server_config:\nbasic_auth_users:\nrate_limit:\n"])
def test_a_file_without_options_asks_for_nothing(text: str, tmp_path: Path) -> None:
    assert load(written(tmp_path, text)) == WebConfig()


def test_every_option_of_the_toolkit_that_can_be_used_is_taken(tmp_path: Path) -> None:
    write_pair(tmp_path)
    config = load(
        written(
            tmp_path,
            f"""
tls_server_config:
  cert_file: cert.pem
  key_file: key.pem
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.pem
  client_allowed_sans: [prometheus.example, "0:0:0:0:0:0:0:1"]
  min_version: TLS13
  max_version: TLS13
  prefer_server_cipher_suites: false
  cipher_suites: []
  curve_preferences: []
http_server_config:
  http2: true
  headers:
    Strict-Transport-Security: max-age=31536000
    Content-Security-Policy: default-src 'self'
    X-Frame-Options: DENY
    X-Content-Type-Options: nosniff
    X-XSS-Protection: ""
{USERS}
rate_limit: {{ interval: 100ms, burst: 20 }}
""",
        )
    )
    assert config.tls
    assert config.tls.minimum_version is config.tls.maximum_version is ssl.TLSVersion.TLSv1_3
    assert config.tls.verify_mode is ssl.CERT_REQUIRED
    assert not config.tls.options & ssl.OP_CIPHER_SERVER_PREFERENCE
    assert config.allowed_sans == {"prometheus.example", "::1"}
    assert config.users == {"alice": HASH.encode()}
    assert config.rate_limit == RateLimit(interval=0.1, burst=20)
    assert config.headers == {
        "Strict-Transport-Security": "max-age=31536000",
        "Content-Security-Policy": "default-src 'self'",
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
    }


def test_without_being_asked_tls_is_1_2_or_newer_in_the_servers_order(tmp_path: Path) -> None:
    write_pair(tmp_path)
    tls = load(written(tmp_path, TLS)).tls
    assert tls
    assert tls.minimum_version is ssl.TLSVersion.TLSv1_2
    assert tls.verify_mode is ssl.CERT_NONE
    assert tls.options & ssl.OP_CIPHER_SERVER_PREFERENCE


def test_certificate_key_and_ca_may_stand_in_the_file_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_pair(tmp_path)

    def inline(name: str) -> str:
        return "|\n" + "".join(f"    {line}\n" for line in (tmp_path / name).read_text().splitlines())

    text = (
        f"tls_server_config:\n  cert: {inline('cert.pem')}  key: {inline('key.pem')}"
        f"  client_auth_type: VerifyClientCertIfGiven\n  client_ca: {inline('ca.pem')}"
    )
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "none"))  # the key never touches a disk
    tls = load(written(tmp_path, text)).tls
    assert tls
    assert tls.verify_mode is ssl.CERT_OPTIONAL
    assert tls.cert_store_stats()["x509_ca"] == 1


def test_what_it_holds_does_not_show_hashes(tmp_path: Path) -> None:
    config = load(written(tmp_path, USERS))
    assert HASH not in repr(config)
    assert str(config) == "no TLS, 1 users"


# ---- changes


def test_without_a_file_nothing_is_asked_for() -> None:
    assert Watched(None).current == WebConfig()


def test_a_change_is_taken_at_the_next_look(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    path = written(tmp_path, "{}")
    watched = Watched(path)
    assert not watched.current.users
    assert caplog.records == []
    written(tmp_path, USERS)
    assert list(watched.current.users) == ["alice"]
    assert watched.current is watched.current, "it is read once"
    assert caplog.messages == ["web config loaded"]


def test_a_renewed_certificate_is_taken_while_the_file_is_the_same(tmp_path: Path) -> None:
    write_pair(tmp_path)
    watched = Watched(written(tmp_path, TLS))
    before = watched.current.tls
    write_pair(tmp_path)
    assert watched.current.tls is not before


def test_a_change_that_leaves_the_time_and_the_size_of_the_file_is_taken(tmp_path: Path) -> None:
    path = written(tmp_path, "rate_limit: { burst: 1 }")
    watched = Watched(path)
    before = path.stat()
    while path.stat().st_ctime_ns == before.st_ctime_ns:  # the clock of the file system has ticks
        path.write_text("rate_limit: { burst: 2 }")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert watched.current.rate_limit.burst == 2


def half_a_certificate(folder: Path) -> None:
    (folder / "cert.pem").write_bytes((folder / "cert.pem").read_bytes()[:300])


def another_key(folder: Path) -> None:
    write_pair(folder, stem="other-")
    (folder / "other-key.pem").rename(folder / "key.pem")


@pytest.mark.parametrize(
    "harm",
    [
        half_a_certificate,
        another_key,
        lambda folder: (folder / "cert.pem").unlink(),
        lambda folder: (folder / "web.yml").unlink(),
        lambda folder: written(folder, ""),
        lambda folder: written(folder, TLS + "basic_auth_users: { alice: nonsense }\n"),
        lambda folder: written(folder, USERS),
    ],
    ids=["half a certificate", "another key", "no certificate", "no file", "empty file", "bad file", "no TLS"],
)
def test_what_is_faulty_changes_nothing_is_told_once_and_may_be_mended(
    harm: Callable[[Path], object], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_pair(tmp_path)
    watched = Watched(written(tmp_path, TLS + USERS))
    good = watched.current
    harm(tmp_path)
    assert [watched.current is good for _ in range(3)] == [True] * 3
    assert not watched.succeeded
    assert caplog.messages == ["web config not loaded, the old one stays"]
    write_pair(tmp_path)
    written(tmp_path, TLS)
    assert watched.current.users == {}
    assert watched.current.tls is not good.tls
    assert watched.succeeded


def test_a_certificate_that_comes_later_than_the_file_that_names_it_is_taken(tmp_path: Path) -> None:
    write_pair(tmp_path)
    watched = Watched(written(tmp_path, TLS))
    written(tmp_path, TLS.replace("cert.pem", "new-cert.pem").replace("key.pem", "new-key.pem") + USERS)
    assert not watched.current.users
    write_pair(tmp_path, stem="new-")
    assert watched.current.users


def test_a_file_that_becomes_readable_again_is_read_again(tmp_path: Path) -> None:
    path = written(tmp_path, "{}")
    watched = Watched(path)
    path.rename(tmp_path / "away")
    assert not watched.current.users
    assert not watched.succeeded
    (tmp_path / "away").rename(path)
    assert watched.current == WebConfig()
    assert watched.succeeded


def test_the_same_fault_in_another_write_is_not_told_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched(written(tmp_path, "{}"))
    for text, told in (("user: {}", 1), ("user:  {}", 1), ("users: {}", 2)):
        written(tmp_path, text)
        assert watched.current == WebConfig()
        assert len(caplog.records) == told


def test_what_is_not_named_any_more_is_not_looked_at(tmp_path: Path) -> None:
    write_pair(tmp_path)
    write_pair(tmp_path, stem="new-")
    watched = Watched(written(tmp_path, TLS))
    written(tmp_path, TLS.replace("cert.pem", "new-cert.pem").replace("key.pem", "new-key.pem"))
    now = watched.current
    (tmp_path / "cert.pem").unlink()
    assert watched.current is now
