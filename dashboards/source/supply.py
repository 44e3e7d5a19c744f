"""What supplies are asked, each a row of location, printer and supply: used by every table of supplies."""

from dashboards.source.queries import hourly, labelled

KEY = "location, printer, supply"


def _of(expression: str, *labels: str) -> str:
    return f"max by ({', '.join((KEY, *labels))}) ({expression})"


def level(selector: str, at: str = "") -> str:
    """Return the remaining share; `at` may be `@ end()`."""
    return _of(f"printer_supply_level_ratio{{{selector}}} {at}".rstrip())


def status(selector: str) -> str:
    """Return 0 ok, 1 warning, 2 error."""
    return _of(f"printer_supply_status{{{selector}}}")


def days(selector: str, at: str = "") -> str:
    """Return in how many days it is empty; `at` may be `@ end()`."""
    return _of(f"printer_supply:left:days{{{selector}}} {at}".rstrip())


def empty_at(selector: str) -> str:
    """Return when it is empty, in Unix milliseconds."""
    return f"1000 * (time() + 86400 * {days(selector)})"


def trusted(selector: str) -> str:
    """Return 1 where the forecast rests on two weeks and four steps, 0 where it is a hint."""
    return _of(hourly("printer_supply:pace:trusted", selector))


def lasts(selector: str) -> str:
    """Return how many days a whole cartridge lasts."""
    return f"1 / {_of(hourly('printer_supply:pace:per_day', selector))}"


def age(selector: str) -> str:
    """Return for how many seconds it is installed; nothing where nobody saw it go in."""
    return f"time() - {_of(f'printer_supply_installed_timestamp_seconds{{{selector}}}')}"


def order(selector: str, *labels: str) -> str:
    """Return 1 with the label `order`: the part number, else the device's own words, else the supply's name."""
    info = f"printer_supply_info{{{selector}"
    part, words = f'{info},part!=""}}', f'{info},part="",description!=""}}'
    name = f'{info},part="",description=""}}'
    found = (
        labelled(part, "order", "part"),
        labelled(words, "order", "description"),
        labelled(name, "order", "supply"),
    )
    return _of(" or ".join(found), "order", *labels)


def urgency(selector: str) -> str:
    """Return a number that falls with urgency: errors before warnings, then by days left, then by level."""
    left = f"({days(selector)} or 1e4 + 100 * {level(selector)} or 1e5 + 0 * {status(selector)})"
    return f"{left} - on ({KEY}) 1e6 * {status(selector)} or {left}"


def where(expression: str, condition: str) -> str:
    """Return the expression for the supplies of which the condition is true."""
    return f"({expression}) and on ({KEY}) ({condition})"
