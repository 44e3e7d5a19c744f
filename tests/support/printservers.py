"""Print servers that no one here wrote: Samba's smbd with its spooler and CUPS's cupsd, on loopback."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
_ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
START_LIMIT = 30.0
USER, PASSWORD = "root", "planted-smb-password"

needs_samba = pytest.mark.skipif(
    not (_ROOT and all(shutil.which(name, path=_PATH) for name in ("smbd", "smbpasswd", "net", "rpcclient"))),
    reason="root and Samba are needed",
)
needs_cups = pytest.mark.skipif(
    not (_ROOT and all(shutil.which(name, path=_PATH) for name in ("cupsd", "lpadmin"))),
    reason="root and CUPS are needed",
)

_PRINTERS = r"HKLM\SOFTWARE\Microsoft\Windows NT\CurrentVersion\Print\Printers"
_MONITORS = r"HKLM\SYSTEM\CurrentControlSet\Control\Print\Monitors"
_BACKENDS = ("socket", "ipp", "ipps", "lpd", "hp", "dnssd", "smb", "usb", "beh")
_SMB_CONF = """\
[global]
workgroup = OFFICE
netbios name = DC3
server role = standalone server
smb ports = {port}
interfaces = 127.0.0.1
bind interfaces only = yes
disable netbios = yes
restrict anonymous = {restrict}
lock directory = {folder}
state directory = {folder}
cache directory = {folder}
private dir = {folder}
pid directory = {folder}
ncalrpc dir = {folder}/rpc
printing = bsd
printcap name = /dev/null
load printers = no
"""
_CUPSD_CONF = """\
Listen 127.0.0.1:{port}
Browsing Off
WebInterface No
DefaultAuthType Basic
<Location />
  Order allow,deny
  Allow all
</Location>
<Policy default>
  <Limit CUPS-Get-Printers>
    {limit}
  </Limit>
  <Limit All>
    Order deny,allow
  </Limit>
</Policy>
"""
_CUPS_FILES = """\
ServerRoot {folder}
ServerBin {folder}/bin
DataDir {folder}
RequestRoot {folder}/spool
CacheDir {folder}/cache
StateDir {folder}/run
TempDir {folder}/spool
ErrorLog {folder}/error_log
AccessLog {folder}/access_log
PageLog {folder}/page_log
FileDevice Yes
"""


@dataclass(frozen=True, slots=True)
class Share:
    """A printer of Samba; `port` as Windows would call it, and `driver` what it prints with."""

    port: str = "Samba Printer Port"
    comment: str = ""
    location: str = ""


def free_port() -> int:
    """Return a TCP port that is free on 127.0.0.1 now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def samba(shares: Mapping[str, Share], hosts: Mapping[str, str] | None = None, *, restrict: int = 0) -> Iterator[int]:
    """Run smbd with these printers, and TCP/IP ports in its registry that lead to hosts; yield its port.

    USER may log in with PASSWORD, and nobody asks without a name where `restrict` is 2.
    """
    with tempfile.TemporaryDirectory(prefix="smb") as name:  # a socket's path must be short
        folder, port = Path(name), free_port()
        config = folder / "smb.conf"
        sections = (
            f"[{share}]\nprintable = yes\npath = /tmp\ncomment = {each.comment}\n" for share, each in shares.items()
        )
        config.write_text(_SMB_CONF.format(folder=folder, port=port, restrict=restrict) + "".join(sections))
        _run("smbpasswd", "-c", str(config), "-a", "-s", USER, text=f"{PASSWORD}\n{PASSWORD}\n")
        with _running("smbd", "--foreground", "--no-process-group", f"--configfile={config}", f"--log-basename={name}"):
            # The spooler makes its entries when it is first asked.
            asked = ("rpcclient", "-p", str(port), "-U", f"{USER}%{PASSWORD}", "127.0.0.1", "-c", "enumprinters 2")
            _await(lambda: _succeeds(*asked))
            for share, each in shares.items():
                _set(config, rf"{_PRINTERS}\{share}", Port=each.port, Location=each.location)
            _make_ports(config, hosts or {})
            try:
                yield port
            finally:
                _end(folder / "samba-dcerpcd.pid")


def _end(pid_file: Path) -> None:
    """End the process that smbd has started for its spooler, in a session of its own."""
    process = int(pid_file.read_text())
    os.kill(process, signal.SIGTERM)
    _await(lambda: not _is_running(process))


def _is_running(process: int) -> bool:
    """Tell whether a process that is nobody's child here still does something; one that ended has no command line."""
    try:
        return bool(Path("/proc", str(process), "cmdline").read_bytes())
    except OSError:
        return False


def _make_ports(config: Path, hosts: Mapping[str, str]) -> None:
    key = _MONITORS
    for part in ("Standard TCP/IP Port", "Ports"):
        key = rf"{key}\{part}"
        _run("net", "-s", str(config), "registry", "createkey", key)
    for name, host in hosts.items():
        _run("net", "-s", str(config), "registry", "createkey", rf"{key}\{name}")
        _set(config, rf"{key}\{name}", HostName=host, IPAddress="")


def _set(config: Path, key: str, **values: str) -> None:
    for name, value in values.items():
        _run("net", "-s", str(config), "registry", "setvalue", key, name, "sz", value)


@contextmanager
def cupsd(queues: Mapping[str, tuple[str, str, str]], *, limit: str = "Order deny,allow") -> Iterator[int]:
    """Run cupsd with queues (device URI, location, description), and a limit on who may list them; yield its port."""
    with tempfile.TemporaryDirectory(prefix="cups") as name:
        folder, port = Path(name), free_port()
        for each in ("bin/backend", "bin/filter", "spool", "cache", "run", "banners", "mime"):
            (folder / each).mkdir(parents=True)
        for backend in _BACKENDS:  # a device URI is accepted where there is a backend for it
            (folder / "bin/backend" / backend).write_text("#!/bin/sh\nexit 1\n")
            (folder / "bin/backend" / backend).chmod(0o755)
        folder.chmod(0o755)
        (folder / "cupsd.conf").write_text(_CUPSD_CONF.format(port=port, limit=limit))
        (folder / "cups-files.conf").write_text(_CUPS_FILES.format(folder=folder))
        with _running("cupsd", "-f", "-c", str(folder / "cupsd.conf"), "-s", str(folder / "cups-files.conf")):
            at = ("-h", f"127.0.0.1:{port}")
            _await(lambda: _listens(port))
            for queue, (uri, place, about) in queues.items():
                _run("lpadmin", *at, "-p", queue, "-E", "-v", uri, "-L", place, "-D", about, "-m", "raw")
            yield port


def _run(*command: str, text: str | None = None) -> None:
    done = subprocess.run(
        command, input=text, capture_output=True, text=True, timeout=30, check=False, env=os.environ | {"PATH": _PATH}
    )
    assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}"


def _succeeds(*command: str) -> bool:
    quiet = subprocess.DEVNULL
    done = subprocess.run(
        command, stdout=quiet, stderr=quiet, timeout=30, check=False, env=os.environ | {"PATH": _PATH}
    )
    return done.returncode == 0


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _await(is_ready: Callable[[], bool]) -> None:
    limit = time.monotonic() + START_LIMIT
    while not is_ready():
        assert time.monotonic() < limit, "the server does not answer"
        time.sleep(0.05)


@contextmanager
def _running(*command: str) -> Iterator[None]:
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(
        command, stdin=quiet, stdout=quiet, stderr=quiet, env=os.environ | {"PATH": _PATH}, start_new_session=True
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(20)
