"""The exporter as a process of its own behind TLS and passwords; curl and Prometheus are its clients."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme

from tests.support.agents import own_address
from tests.support.pems import AUTHORITY, hash_of, write_pair
from tests.support.prometheus import PROMETHEUS, prometheus
from tests.test_cli import command, fetch, free_tcp_port, run

CURL = shutil.which("curl")
LIMIT = 30.0
ALICE = "alice:open sesame"
WEB = f"""
tls_server_config: {{ cert_file: cert.pem, key_file: key.pem }}
basic_auth_users: {{ alice: {hash_of("open sesame")} }}
http_server_config: {{ headers: {{ X-Frame-Options: deny }} }}
"""
CLIENTS = WEB.replace(" }\nbasic", ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem }\nbasic")
LAUNCHER = """
import os, sys
for number, descriptor in enumerate(sys.argv[1].split(",")):
    os.dup2(int(descriptor), 3 + number)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(number + 1))
os.execv(sys.executable, [sys.executable, "-m", "exporter", *sys.argv[2:]])
"""

pytestmark = pytest.mark.skipif(CURL is None, reason="curl is not installed")


def curl(folder: Path, *arguments: str) -> tuple[int, int, str]:
    """Ask with curl; return its exit code, the status and the rest of what it says."""
    done = subprocess.run(
        [str(CURL), "-sS", "-m", "20", "--cacert", str(folder / "ca.pem"), "-w", "\n%{http_code}", *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    body, _, status = done.stdout.rpartition("\n")
    return done.returncode, int(status or 0), body + done.stderr


def status(folder: Path, *arguments: str) -> int:
    return curl(folder, *arguments)[1]


def eventually(holds: Callable[[], bool], log: Path) -> None:
    limit = time.monotonic() + LIMIT
    while not holds():
        assert time.monotonic() < limit, log.read_text()
        time.sleep(0.05)


@contextmanager
def exporting(
    folder: Path, web: str, *arguments: str, launcher: Sequence[str] = (), pass_fds: Sequence[int] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """Run the exporter with this web config until its log says that it listens."""
    (folder / "config.yaml").write_text(
        f"polling: {{ timeout: 500ms, retries: 0 }}\nprinters: [{{ name: One, host: {own_address()} }}]\n"
    )
    (folder / "web.yml").write_text(web)
    options = ["--config.file=config.yaml", "--web.config.file=web.yml", *arguments]
    log = folder / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [*launcher, *options] if launcher else command(*options),
            stdout=stream,
            stderr=subprocess.STDOUT,
            cwd=folder,
            pass_fds=pass_fds,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent)},
        )
    try:
        eventually(lambda: process.poll() is not None or "msg=listening" in log.read_text(), log)
        assert process.poll() is None, log.read_text()
        yield process
    finally:
        process.kill()
        process.wait(10)


def free_address() -> str:
    return f"{own_address()}:{free_tcp_port()}"


def pair_for(folder: Path, *addresses: str, authority: trustme.CA = AUTHORITY) -> None:
    names = [address.rpartition(":")[0].strip("[]") for address in addresses]
    write_pair(folder, "localhost", *names, authority=authority)


def stopped(process: subprocess.Popen[bytes]) -> float:
    """Send SIGTERM and return how long it took to end well."""
    process.send_signal(signal.SIGTERM)
    started = time.monotonic()
    assert process.wait(10) == 0
    return time.monotonic() - started


def test_two_addresses_with_tls_and_passwords_a_renewed_certificate_and_the_end(tmp_path: Path) -> None:
    addresses = [free_address(), f"[::1]:{free_tcp_port()}"]
    pair_for(tmp_path, *addresses)
    log = tmp_path / "log"
    with exporting(tmp_path, WEB, *(f"--web.listen-address={each}" for each in addresses)) as process:
        for address in addresses:
            url = f"https://{address}"
            assert status(tmp_path, f"{url}/-/healthy") == 401
            assert status(tmp_path, f"{url}/-/healthy", "-u", "alice:wrong") == 401
            code, found, text = curl(tmp_path, f"{url}/metrics", "-u", ALICE, "-D", "-", "--compressed")
            assert (code, found) == (0, 200)
            assert "x-frame-options: deny" in text.lower()
            assert 'printer_up{printer="One"' in text
            assert "printcam_exporter_web_config_last_reload_successful 1.0" in text
            assert curl(tmp_path, f"http://{address}/-/healthy", "-u", ALICE)[0] != 0, "nothing without TLS"
        url = f"https://{addresses[0]}/metrics?collect[]=self"
        asked = ("-g", url, "-u", ALICE)

        (tmp_path / "cert.pem").write_bytes((tmp_path / "cert.pem").read_bytes()[:200])
        code, found, text = curl(tmp_path, *asked)
        assert (code, found) == (0, 200), "half a certificate is not taken"
        assert "printcam_exporter_web_config_last_reload_successful 0.0" in text
        assert log.read_text().count("web config not loaded") == 1

        authority = trustme.CA()
        old = (tmp_path / "ca.pem").read_bytes()
        pair_for(tmp_path, *addresses, authority=authority)
        code, found, text = curl(tmp_path, *asked)
        assert (code, found) == (0, 200)
        assert "printcam_exporter_web_config_last_reload_successful 1.0" in text
        (tmp_path / "ca.pem").write_bytes(old)
        assert curl(tmp_path, *asked)[0] == 60, "whoever trusts the old authority alone sees the new certificate"

        host, _, port = addresses[0].rpartition(":")
        with socket.create_connection((host, int(port))) as unfinished:
            unfinished.sendall(b"\x16\x03\x01")
            assert stopped(process) < 5
    text = log.read_text()
    assert f'address="{addresses[0]}, {addresses[1]}" web="TLS, 1 users"' in text
    assert "Traceback" not in text
    assert "$2b$" not in text
    assert "sesame" not in text


def test_a_client_certificate_is_needed_where_the_file_says_so(tmp_path: Path) -> None:
    address = free_address()
    pair_for(tmp_path, address)
    own = ("--cert", str(tmp_path / "client-cert.pem"), "--key", str(tmp_path / "client-key.pem"))
    write_pair(tmp_path, "prometheus.example", stem="client-")
    with exporting(tmp_path, CLIENTS, f"--web.listen-address={address}"):
        asked = (f"https://{address}/-/healthy", "-u", ALICE)
        assert status(tmp_path, *asked, *own) == 200
        assert curl(tmp_path, *asked)[0] != 0
        (tmp_path / "web.yml").write_text(
            CLIENTS.replace("client_ca_file", "client_allowed_sans: [other.example], client_ca_file")
        )
        assert status(tmp_path, *asked, *own) == 403
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_a_unix_socket_serves_and_its_file_goes_at_the_end(tmp_path: Path) -> None:
    pair_for(tmp_path)
    path, address = tmp_path / "web.sock", free_address()
    options = (f"--web.listen-address=unix:{path}", f"--web.listen-address={address}")
    with exporting(tmp_path, WEB, *options) as process:
        asked = ("--unix-socket", str(path), "https://localhost/-/healthy")
        assert status(tmp_path, *asked) == 401
        assert status(tmp_path, *asked, "-u", ALICE) == 200
        second = run(f"--config.file={tmp_path / 'config.yaml'}", options[0], cwd=(tmp_path / ".."))
        assert second.returncode == 1
        assert "another process listens there" in second.stderr
        assert status(tmp_path, *asked, "-u", ALICE) == 200
        stopped(process)
        assert not path.exists()
    with exporting(tmp_path, WEB, options[0]) as process:
        process.kill()
        process.wait(10)
        assert path.is_socket()
    with exporting(tmp_path, WEB, options[0]) as process:
        assert status(tmp_path, *asked, "-u", ALICE) == 200
        stopped(process)
    assert not path.exists()


def test_the_sockets_of_systemd_are_served_in_place_of_addresses(tmp_path: Path) -> None:
    pair_for(tmp_path)
    path, unused = tmp_path / "web.sock", free_address()
    with socket.create_server((own_address(), 0)) as first, socket.socket(socket.AF_UNIX) as second:
        second.bind(str(path))
        second.listen()
        descriptors = [first.fileno(), second.fileno()]
        launcher = [sys.executable, "-c", LAUNCHER, ",".join(map(str, descriptors))]
        options = ("--web.systemd-socket", f"--web.listen-address={unused}")
        with exporting(tmp_path, WEB, *options, launcher=launcher, pass_fds=descriptors) as process:
            host, port = first.getsockname()
            assert status(tmp_path, "-k", f"https://{host}:{port}/-/healthy", "-u", ALICE) == 200
            assert status(tmp_path, "--unix-socket", str(path), "https://localhost/-/healthy", "-u", ALICE) == 200
            assert curl(tmp_path, f"https://{unused}/-/healthy")[0] == 7, "nobody listens there"
            assert f'address="{host}:{port}, unix:{path}"' in (tmp_path / "log").read_text()
            stopped(process)
    assert path.is_socket(), "it is systemd's"


def test_without_systemd_it_does_not_start_on_its_sockets(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(f"printers: [{{ name: One, host: {own_address()} }}]\n")
    done = run("--web.systemd-socket", cwd=tmp_path)
    assert done.returncode == 1
    assert "systemd passed no socket; start it by a .socket unit" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bad_web_config_stops_the_start_and_check_alike(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(f"printers: [{{ name: One, host: {own_address()} }}]\n")
    (tmp_path / "web.yml").write_text("basic_auth_user: {}\n")
    for arguments in (["check"], []):
        done = run(*arguments, "--web.config.file=web.yml", cwd=tmp_path)
        assert done.returncode == 1
        wanted = 'web.yml:1: basic_auth_user: unknown key "basic_auth_user"; did you mean "basic_auth_users"?'
        assert done.stderr.splitlines() == [wanted]


# ---- Prometheus


SCRAPES = "global: { scrape_interval: 200ms, scrape_timeout: 200ms }\nscrape_configs:\n"


def value(url: str, query: str) -> str:
    """Ask Prometheus for the only sample of a query; empty while there is none."""
    try:
        found = json.loads(fetch(f"{url}/api/v1/query?query={quote(query)}"))["data"]["result"]
    except OSError:
        return ""
    return str(found[0]["value"][1]) if found else ""


@pytest.mark.skipif(PROMETHEUS is None, reason="prometheus is not installed")
def test_prometheus_scrapes_over_tls_with_a_password_and_sees_when_it_is_wrong(tmp_path: Path) -> None:
    address, password = free_address(), tmp_path / "password"
    pair_for(tmp_path, address)
    write_pair(tmp_path, "prometheus.example", stem="client-")
    password.write_text("open sesame")
    scrape = f"""
  - job_name: printcam
    scheme: https
    params: {{ "collect[]": [self] }}
    tls_config: {{ ca_file: ca.pem, cert_file: client-cert.pem, key_file: client-key.pem }}
    basic_auth: {{ username: alice, password_file: password }}
    static_configs: [{{ targets: ["{address}"] }}]
"""
    with (
        exporting(tmp_path, CLIENTS, f"--web.listen-address={address}"),
        prometheus(tmp_path, SCRAPES + scrape) as server,
    ):
        url, log = server.url, tmp_path / "prometheus.log"
        eventually(lambda: value(url, "up") == "1", log)
        assert value(url, "printcam_exporter_web_config_last_reload_successful") == "1"
        password.write_text("wrong")
        eventually(lambda: value(url, "up") == "0", log)
        password.write_text("open sesame")
        eventually(lambda: value(url, "up") == "1", log)
