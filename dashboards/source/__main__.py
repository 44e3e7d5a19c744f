"""`python -m dashboards.source` writes every dashboard to `dashboards/grafana/`."""

import json
from pathlib import Path

from dashboards.source import cameras, exporter, office, pages, printer, supplies
from dashboards.source.grafana import Json

FOLDER = Path(__file__).parents[1] / "grafana"
MODULES = (office, printer, supplies, pages, cameras, exporter)


def texts() -> dict[Path, str]:
    """Return the text of each dashboard's file."""
    return {FOLDER / f"{made['uid']}.json": _text(made) for made in (module.dashboard() for module in MODULES)}


def _text(dashboard: Json) -> str:
    return json.dumps(dashboard, indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write the files."""
    FOLDER.mkdir(exist_ok=True)
    for path, text in texts().items():
        path.write_text(text)


if __name__ == "__main__":
    main()
