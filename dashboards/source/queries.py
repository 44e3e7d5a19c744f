"""Pieces of PromQL that dashboards share.

Everything is first reduced by `one`, so that an exporter scraped twice, or a pair of exporters, gives the same numbers
as one.
"""

PRINTERS = 'location=~"$location",printer=~"$printer"'
"""Selects the chosen printers."""
CAMERAS = 'location=~"$location",camera=~"$camera"'
"""Selects the chosen cameras."""


def one(expression: str) -> str:
    """Return the expression without the target's labels."""
    return f"max without (instance, job) ({expression})"


def hourly(name: str, selector: str = "") -> str:
    """Return the last value of a series that is recorded once an hour."""
    return f"last_over_time({name}{{{selector}}}[2h])" if selector else f"last_over_time({name}[2h])"


def labelled(expression: str, name: str, source: str, suffix: str = "") -> str:
    """Return the expression with the label `source` under another name too, with a word behind it.

    `label_replace` would need "$1", which looks like a variable of the dashboard.
    """
    if not suffix:
        return f'label_join({expression}, "{name}", "", "{source}")'
    return f'label_join(label_replace({expression}, "suffix", "{suffix}", "", ""), "{name}", " ", "{source}", "suffix")'
