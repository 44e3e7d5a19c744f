"""Examples in shipped YAML: lines whose `#` has no space behind it, or more than one. Remarks have one."""

import re

_EXAMPLE = re.compile(r"(?m)^( *)#(?! \S)(?=.)")


def uncommented(text: str) -> str:
    """Return the text with every example put to use."""
    return _EXAMPLE.sub(r"\1", text)
