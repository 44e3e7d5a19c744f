"""Known holes in what the exporter needs at run time: `make audit`.

A hole is exit code 1. A package of which no advisories can be had is named: it was not audited.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

LOCK = Path(__file__).with_name("image.txt")


def report(dependencies: list[dict[str, Any]]) -> tuple[int, str]:
    """Return the exit code and what to say of pip-audit's findings."""
    holes = [
        f"{each['name']} {each['version']}: {hole['id']}" for each in dependencies for hole in each.get("vulns", ())
    ]
    skipped = [each["name"] for each in dependencies if "skip_reason" in each]
    audited = len(dependencies) - len(skipped)
    lines = [*holes, f"{audited} packages audited" if audited else "nothing was audited"]
    if skipped:
        lines.append(f"no advisories can be had from here of: {', '.join(skipped)}")
    return int(bool(holes)), "\n".join(lines)


def main(pip_audit: str) -> int:
    """Run pip-audit on what is locked."""
    command = [pip_audit, "--disable-pip", "--require-hashes", "--requirement", str(LOCK), "--format", "json"]
    done = subprocess.run([*command, "--progress-spinner", "off"], capture_output=True, text=True, check=False)
    try:
        code, text = report(json.loads(done.stdout)["dependencies"])
    except ValueError:
        code, text = 0, f"nothing was audited: {done.stderr.strip().splitlines()[-1:] or 'pip-audit said nothing'}"
    print(text)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
