"""Sample lines of the text format; the same in OpenMetrics."""

from collections.abc import Iterable, Mapping

from exporter.metrics.families import Family

Lines = Mapping[Family, bytes]
"""The sample lines of one device, by family."""

_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


def label_pairs(pairs: Iterable[tuple[str, str]]) -> str:
    """Return `a="x",b="y"` with the values escaped."""
    return ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in pairs)


class LineWriter:
    """Collects the lines of one device, each under the labels, written out, that all of its series carry."""

    def __init__(self, labels: str = "") -> None:
        self._labels = labels
        self._lines: dict[Family, list[str]] = {}

    def add(self, family: Family, value: float, **labels: str) -> None:
        """Add one sample."""
        self.add_labelled(family, value, label_pairs(labels.items()) if labels else "")

    def add_known(self, family: Family, value: float | None) -> None:
        """Add one sample, or none where the value is not known."""
        if value is not None:
            self.add(family, value)

    def add_labelled(self, family: Family, value: float, labels: str) -> None:
        """Add one sample under labels that are already written out."""
        both = f"{self._labels},{labels}" if labels and self._labels else self._labels or labels
        self._lines.setdefault(family, []).append(line(family, both, value))

    def lines(self) -> dict[Family, bytes]:
        """Return what was collected."""
        return {family: "".join(lines).encode() for family, lines in self._lines.items()}


def line(family: Family, labels: str, value: float) -> str:
    """Return the line of a sample, from labels that are written out."""
    name = f"{family.name}{{{labels}}}" if labels else family.name
    return f"{name} {format_value(value)}\n"


def format_value(value: float) -> str:
    """Return a number as both formats read it; times keep milliseconds, whole numbers no fraction."""
    if isinstance(value, int):
        return str(int(value))
    return repr(round(value, 6))
