"""What is built can be installed, runs, and is allowed to be passed on."""

import re
import runpy
import signal
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Iterator
from importlib.metadata import distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from exporter import __version__
from tests.support.agents import own_address
from tests.test_cli import await_ready, fetch, free_tcp_port

ROOT = Path(__file__).parent.parent
ALLOWED = {
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "PSF-2.0",
}
# In the words of packages that name no SPDX expression.
SPDX = {
    "Apache 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "BSD License": "BSD-3-Clause",  # or another of them, which are all allowed
    "MIT License": "MIT",
    "Python Software Foundation License": "PSF-2.0",
}
SAID_IN_THE_TEXT = {"pysnmp": ("BSD-2-Clause", "Redistribution and use in source and binary forms")}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the sdist, and from it the wheel; return the folder."""
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--no-isolation", f"--outdir={folder}", str(ROOT))
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def unpacked(built: Path) -> Path:
    """Unpack the sdist; return its folder."""
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(built, filter="data")
    return built / sdist.name.removesuffix(".tar.gz")


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel where nothing else is but what it depends on; return the command."""
    folder = tmp_path_factory.mktemp("installed")
    run(sys.executable, "-m", "venv", "--without-pip", str(folder))
    python = folder / "bin/python"
    run(sys.executable, "-m", "pip", f"--python={python}", "install", "--quiet", "--no-index", "--no-deps", str(wheel))
    packages = next(folder.glob("lib/python*/site-packages"))
    # After its own: the exporter comes from the wheel, and no .pth file over there is read.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin/printcam-exporter"


def run(*command: str, cwd: Path | None = None) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_wheel_holds_the_package_with_its_types_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {"exporter", f"printcam_exporter-{__version__}.dist-info"}
    assert "exporter/py.typed" in names
    assert f"printcam_exporter-{__version__}.dist-info/licenses/LICENSE" in names
    here = {str(file.relative_to(ROOT)) for file in (ROOT / "exporter").rglob("*.*") if "__pycache__" not in file.parts}
    assert here <= set(names)


def test_what_is_installed_from_the_wheel_runs(installed: Path, tmp_path: Path) -> None:
    assert run(str(installed), "--version", cwd=tmp_path) == f"printcam-exporter {__version__}\n"
    assert "demo" in run(str(installed), "--help", cwd=tmp_path)
    (tmp_path / "config.yaml").write_text("printers: [{ name: A, host: 192.0.2.1 }]\n")
    assert "valid, 1 printers" in run(str(installed), "check", cwd=tmp_path)
    where = run(str(installed.with_name("python")), "-c", "import exporter; print(exporter.__file__)", cwd=tmp_path)
    assert Path(where).is_relative_to(installed.parent.parent)


def test_the_demo_of_what_is_installed_serves(installed: Path, tmp_path: Path) -> None:
    address = f"{own_address()}:{free_tcp_port()}"
    log = tmp_path / "log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [installed, "demo", f"--web.listen-address={address}"], stdout=stream, stderr=stream, cwd=tmp_path
        )
    try:
        await_ready(process, f"http://{address}", log)
        assert len(re.findall(r"(?m)^printer_up\{.*\} 1$", fetch(f"http://{address}/metrics"))) >= 12
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    finally:
        process.kill()
        process.wait(10)


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="no repository: unpacked from an sdist")
def test_the_sdist_holds_all_that_the_repository_does(unpacked: Path) -> None:
    tracked = run("git", "ls-files", "--cached", "--deduplicate", cwd=ROOT).splitlines()
    there = [name for name in tracked if (ROOT / name).exists()]
    assert len(there) > 200
    assert [name for name in there if not (unpacked / name).exists()] == []


def test_tests_run_where_the_sdist_is_unpacked(unpacked: Path) -> None:
    some = ("tests/test_docs.py", "tests/test_golden.py", "tests/test_systemd.py")
    said = run(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *some, cwd=unpacked)
    assert re.search(r"\d+ passed", said)
    assert "failed" not in said


# ---- licences


def dependencies() -> Iterator[str]:
    """Yield the name of each package that is installed with the exporter."""
    seen: set[str] = set()
    left = ["printcam-exporter"]
    while left:
        requirements = map(Requirement, distribution(left.pop()).requires or ())
        meant = {each.name.lower() for each in requirements if not each.marker or each.marker.evaluate({"extra": ""})}
        yield from sorted(meant - seen)
        left += meant - seen
        seen |= meant


def licences(name: str) -> set[str]:
    """Return the SPDX identifiers of the licences of an installed package."""
    metadata = distribution(name).metadata
    for expression in metadata.get_all("License-Expression", []):
        return set(re.split(r" (?:AND|OR) ", expression))
    classified = [line.rpartition(" :: ")[2] for line in metadata.get_all("Classifier", []) if "License ::" in line]
    found = classified or metadata.get_all("License", []) or ["none named"]
    return {SPDX.get(each, each) for each in found}


def test_every_licence_of_what_is_installed_is_allowed() -> None:
    found = {name: licences(name) for name in dependencies()}
    assert {"aiohttp", "cryptography", "pysnmp", "rich", "yarl", "pygments"} <= found.keys()
    found |= {name: {said} for name, (said, _) in SAID_IN_THE_TEXT.items()}
    assert {name: each for name, each in found.items() if not each <= ALLOWED} == {}


@pytest.mark.parametrize("name", SAID_IN_THE_TEXT)
def test_a_package_that_names_no_licence_has_its_text(name: str) -> None:
    assert licences(name) == {"none named"}, "it does now: take it from the table"
    texts = [file for file in distribution(name).files or () if "LICENSE" in file.name]
    assert SAID_IN_THE_TEXT[name][1] in "".join(file.read_text() for file in texts)


HOLE = {"name": "a", "version": "1", "vulns": [{"id": "PYSEC-1"}]}
SOUND = {"name": "b", "version": "1", "vulns": []}
SKIPPED = {"name": "c", "skip_reason": "not found"}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ([HOLE, SOUND], (1, "a 1: PYSEC-1\n2 packages audited")),
        ([SOUND, SKIPPED], (0, "1 packages audited\nno advisories can be had from here of: c")),
        ([SKIPPED], (0, "nothing was audited\nno advisories can be had from here of: c")),
    ],
)
def test_the_audit_fails_for_a_hole_and_says_what_it_could_not_look_at(
    found: list[dict[str, object]], expected: tuple[int, str]
) -> None:
    audit = runpy.run_path(str(ROOT / "requirements" / "audit.py"))
    assert audit["report"](found) == expected
