"""Cameras: which are there, where they are now, and what changed."""

from collections.abc import Sequence

from dashboards.source import grafana
from dashboards.source.grafana import (
    Json,
    Query,
    choice,
    field,
    fixed_choice,
    graph,
    heading,
    joined,
    now,
    override,
    rows,
    says,
    stat,
    steps,
    table,
    timeline,
)
from dashboards.source.queries import CAMERAS, one
from dashboards.source.theme import (
    ANY_IS_A_WARNING,
    ANY_IS_BAD,
    BLUE,
    CAMERA_STATUS,
    CAMERA_WORDS,
    GREEN,
    ORANGE,
    RED,
    WORKING,
    since,
    word,
)

UID = "printcam-cameras"
WHO = "mac, camera, location"
TITLES = {
    "camera": "Camera",
    "location": "Location",
    "address": "Address",
    "mac": "MAC",
    "model": "Model",
    "firmware": "Firmware",
}
INFO = f"max by ({WHO}, address, model, firmware) (camera_info{{{CAMERAS}}})"
GONE = 'max by (mac) (camera_status{status=~"offline|missing|unknown"} == 1)'
"""Selects the cameras that are not known to be there."""
MAC = field("MAC", custom__width=145)
ADDRESSES = override("byRegexp", "/Address|Before|Now/", custom__width=115)
NEVER_SEEN = field(
    "Seen ago", mappings=[{"type": "special", "options": {"match": "null", "result": {"text": "never", "index": 0}}}]
)
NEW_FOR_DAYS = 7


def of(metric: str, more: str = "") -> str:
    """Return a metric of the chosen cameras, by camera; `more` selects further."""
    return chosen(f"max by ({WHO}) ({metric}{{{CAMERAS}{more}}})")


def chosen(expression: str) -> str:
    """Return the expression for the cameras that have a chosen status at the end of the range."""
    status = f'camera_status{{{CAMERAS},status=~"$status"}} @ end()'
    return f"({expression} and on (mac) max by (mac) ({status} == 1))"


def those(expression: str, condition: str) -> str:
    """Return the expression for the cameras of which the condition holds."""
    return f"{expression} and on (mac) ({condition})"


def ago(metric: str) -> str:
    """Return the seconds since a time, by camera."""
    return f"time() - {of(metric)}"


def _titles(*labels: str, **values: str) -> dict[str, str]:
    """Return the columns of a table: these labels, then the queries' values; `a` stands for `Value #A`."""
    return {name: TITLES[name] for name in labels} | {f"Value #{ref.upper()}": title for ref, title in values.items()}


def _status(word: str) -> str:
    return f',status="{word}"'


def _counts() -> Json:
    queries = [
        now(f"sum({of('camera_status', _status(word))}) or vector(0)", word) for word, _ in CAMERA_STATUS.values()
    ]
    return stat(
        "Cameras by status",
        "Active and ip_changed ones are there. Offline: silent for some searches. Missing: silent for a day of watched "
        "time, or listed and never heard. Unknown: their segment is blind, so that nobody can tell.",
        queries,
        size=(12, 4),
        orientation="vertical",
        text_mode="value_and_name",
        overrides=[field(word, thresholds=steps((None, "text"), (1, color))) for word, color in CAMERA_STATUS.values()],
    )


def _count(title: str, description: str, expression: str, colors: Json, width: int = 3) -> Json:
    return stat(title, description, [now(f"count({expression}) or vector(0)")], size=(width, 4), thresholds=colors)


def _gone() -> Json:
    titles = _titles("camera", a="Status", b="For", c="Seen ago")
    return table(
        "Not there",
        "Offline, missing and unknown cameras. Look at the segments below first, then at the camera's power, its "
        "switch port and its last address.",
        [
            rows(those(of("camera:status:code"), GONE)),
            rows(those(ago("camera_status_changed_timestamp_seconds"), GONE)),
            rows(those(ago("camera_last_seen_timestamp_seconds"), GONE)),
            rows(those(chosen(INFO), GONE)),
        ],
        size=(12, 7),
        filterable=False,
        sort="-Status",
        noValue="every camera is there",
        transformations=joined(
            titles | _titles("location", "address", "mac"), hidden=("model", "firmware", "Value #D")
        ),
        overrides=[
            MAC,
            ADDRESSES,
            word("Status", CAMERA_WORDS),
            since("For", 110, decimals=0),
            since("Seen ago", 110, decimals=0),
            NEVER_SEEN,
        ],
    )


def moved() -> Sequence[str]:
    """Return how long ago each camera changed its address last, with both addresses, and how often it did."""
    changed = f"max by ({WHO}, address, previous_address) (camera_ip_changed_timestamp_seconds{{{CAMERAS}}})"
    return f"time() - {chosen(changed)}", those(of("camera_ip_changes_total"), changed)


def _moved() -> Json:
    return table(
        "Address changes, latest first",
        "The last change of each camera that ever changed its address. Whatever reaches it by address (recorder, "
        "browser) needs the new one; a reservation in DHCP ends it.",
        [rows(query) for query in moved()],
        size=(12, 7),
        filterable=False,
        sort="Changed ago",
        noValue="no camera ever changed its address",
        transformations=joined(
            {
                "camera": "Camera",
                "previous_address": "Before",
                "address": "Now",
                "Value #A": "Changed ago",
                "Value #B": "Changes",
                "location": "Location",
                "mac": "MAC",
            }
        ),
        overrides=[MAC, ADDRESSES, since("Changed ago", 125, decimals=0), field("Changes", custom__width=80)],
    )


def _presence() -> Json:
    return timeline(
        "Presence over time",
        "The status of each camera. Grey or red on many at once is a switch or a segment; blue means that nobody could "
        "look.",
        [Query(of("camera:status:code"), "{{camera}}")],
        size=(24, 10),
        mappings=CAMERA_WORDS,
        color={"mode": "thresholds"},
        noValue="no camera is known",
    )


def _all() -> Json:
    titles = _titles("camera", a="Status", b="For")
    titles |= _titles("location", "address", "mac", "model", "firmware", c="Seen ago", d="Discoveries", e="Listed")
    return table(
        "All cameras",
        "Where each camera is now and who it is, what is wrong first. Discoveries are the search cycles in which it "
        "was heard. Listed ones stand in the config.",
        [
            rows(of("camera:status:code")),
            rows(ago("camera_status_changed_timestamp_seconds")),
            rows(ago("camera_last_seen_timestamp_seconds")),
            rows(of("camera_discoveries_total")),
            rows(of("camera_listed")),
            rows(chosen(INFO)),
        ],
        size=(24, 12),
        sort="-Status",
        noValue="no camera is known",
        transformations=joined(titles, hidden=("Value #F",)),
        overrides=[
            word("Status", CAMERA_WORDS),
            since("For", 110, decimals=0),
            field("Discoveries", unit="locale", custom__width=120),
            field("Listed", mappings=says({0: ("no", BLUE), 1: ("yes", "text")}), custom__width=90),
            since("Seen ago", 110, decimals=0),
            NEVER_SEEN,
        ],
    )


def _conflicts() -> Json:
    return table(
        "Address conflicts",
        "Cameras behind one interface that have the same address: neither is reached reliably. Give one of them "
        "another.",
        [rows(chosen(f"max by ({WHO}, address) (camera_address_conflict{{{CAMERAS}}})"))],
        size=(8, 7),
        filterable=False,
        sort="Address",
        noValue="no two cameras have one address",
        transformations=joined(_titles("address", "camera", "location", "mac"), hidden=("Value",)),
    )


UNSAFE = "max by (mac) (camera_admin_password_set) == 0 or max by (mac) (camera_setup_window_open) == 1"
"""Holds for cameras that anybody can take over."""


def _unsafe() -> Json:
    return table(
        "Open to anybody",
        "No administrator's password, or still within the time after a start in which the network can be set without "
        "one. Open its page and set a password.",
        [
            rows(those(of("camera_admin_password_set"), UNSAFE)),
            rows(those(of("camera_setup_window_open"), UNSAFE)),
            rows(those(chosen(INFO), UNSAFE)),
        ],
        size=(8, 7),
        filterable=False,
        sort="Password",
        noValue="every camera that tells has a password",
        transformations=joined(
            _titles("camera", a="Password", b="Setup") | _titles("address", "location"),
            hidden=("mac", "model", "firmware", "Value #C"),
        ),
        overrides=[
            word("Password", says({0: ("not set", RED), 1: ("set", GREEN)})),
            word("Setup", says({0: ("closed", GREEN), 1: ("open", ORANGE)}), 80),
        ],
    )


UNLISTED = "max by (mac) (camera_listed) == 0"
NEW = f"{UNLISTED} and time() - max by (mac) (camera_first_seen_timestamp_seconds) < {NEW_FOR_DAYS} * 86400"


def _unlisted() -> Json:
    return table(
        "Not listed, newest first",
        "Cameras that were found but do not stand in the config. Know each of them; `cameras.known` gives it a name "
        "and a location, and keeps it from being forgotten when it is silent for long.",
        [
            rows(those(ago("camera_first_seen_timestamp_seconds"), UNLISTED)),
            rows(those(chosen(INFO), UNLISTED)),
        ],
        size=(8, 7),
        filterable=False,
        sort="Found ago",
        noValue="every camera stands in the config",
        transformations=joined(
            _titles("camera", a="Found ago") | _titles("address", "model", "mac"),
            hidden=("location", "firmware", "Value #B"),
        ),
        overrides=[ADDRESSES, since("Found ago", 100, decimals=0), field("Model", custom__width=100)],
    )


def _firmware() -> Json:
    versions = f"max by (model, firmware, mac) ({chosen(INFO)})"
    return table(
        "Firmware, models with several first",
        "How many cameras of a model run which firmware. A model with more than one has some to update.",
        [
            rows(f"count by (model, firmware) ({versions})"),
            rows(f"count by (model) (count by (model, firmware) ({versions}))"),
        ],
        size=(12, 8),
        filterable=False,
        sort="-Versions",
        transformations=joined(_titles("model", "firmware", a="Cameras", b="Versions")),
        overrides=[
            field(
                "Versions", thresholds=steps((None, "text"), (2, ORANGE)), custom__cellOptions={"type": "color-text"}
            ),
            override("byType", "number", custom__width=100),
        ],
        noValue="no camera tells its model",
    )


def restarts() -> str:
    """Return how often each camera restarted in the chosen time, where it did."""
    return f"round({chosen(f'max by ({WHO}) (increase(camera_restarts_total{{{CAMERAS}}}[$__range]))')}) > 0"


def _restarts() -> Json:
    return table(
        "Restarts, most first",
        "Cameras that started, or were reconfigured, in the chosen time. Many restarts of one: its power supply or the "
        "budget of PoE; of all at once: the switch.",
        [
            rows(restarts()),
            rows(those(ago("camera_restart_timestamp_seconds"), restarts())),
        ],
        size=(12, 8),
        filterable=False,
        sort="-Restarts",
        noValue="no camera restarted",
        transformations=joined(_titles("camera", "location", a="Restarts", b="Last one ago"), hidden=("mac",)),
        overrides=[since("Last one ago", 110, decimals=0), field("Restarts", custom__width=90)],
    )


def _watch() -> Json:
    return timeline(
        "Segments and listener",
        "Whether searches are sent and heard on each interface, and the listen port is open. While a segment is down"
        " its cameras keep their status, then become unknown: repair this before you look for cameras.",
        [
            Query(one("camera_segment_up"), "segment {{interface}}"),
            Query(one("camera_listener_up"), "listener"),
        ],
        size=(12, 7),
        mappings=WORKING,
        color={"mode": "thresholds"},
        noValue="cameras are not searched for",
    )


def _heard() -> Json:
    there = of("camera_status", ',status=~"active|ip_changed"')
    return graph(
        "Cameras that are there, and answers to the last search",
        "A search that misses some is normal, broadcasts get lost. If answers stay well below the cameras that are "
        "there, raise `search.attempts`.",
        [Query(f"sum({there})", "there"), Query(one("camera_search_answers"), "answers")],
        size=(12, 7),
        min=0,
        decimals=0,
        noValue="cameras are not searched for",
        overrides=[
            field("there", color={"mode": "fixed", "fixedColor": GREEN}),
            field("answers", color={"mode": "fixed", "fixedColor": BLUE}),
        ],
    )


def _lines() -> Sequence[Sequence[Json]]:
    new = _count(
        "New",
        f"Cameras that are not listed and were first heard in the last {NEW_FOR_DAYS} days. Know who put them there.",
        those(of("camera_listed"), NEW),
        ANY_IS_A_WARNING,
    )
    unsafe = _count(
        "Unprotected",
        "Cameras without an administrator's password, or whose network can be set without one; the list is below.",
        those(of("camera_listed"), UNSAFE),
        ANY_IS_BAD,
    )
    conflicts = _count(
        "In conflict",
        "Cameras that share their address with another one; the list is below.",
        of("camera_address_conflict"),
        ANY_IS_BAD,
    )
    blind = _count(
        "Blind segments",
        "Interfaces on which searches are not sent or not heard. Not a fault of the cameras.",
        f"{one('camera_segment_up')} == 0",
        ANY_IS_BAD,
    )
    return (
        (_counts(), new, unsafe, conflicts, blind),
        (_gone(), _moved()),
        (_presence(),),
        (_all(),),
        (_conflicts(), _unsafe(), _unlisted()),
        (_firmware(), _restarts()),
        (heading("How they are watched"),),
        (_watch(), _heard()),
    )


def dashboard() -> Json:
    """Return the dashboard."""
    return grafana.dashboard(
        UID,
        "Printers and cameras: cameras",
        "Which cameras are there, where they are now, and what changed.",
        _lines(),
        variables=[
            choice("location", "Location", "label_values(camera_status, location)"),
            fixed_choice("status", "Status", [word for word, _ in CAMERA_STATUS.values()]),
            choice("camera", "Camera", 'label_values(camera_status{location=~"$location"}, camera)'),
        ],
        since="now-7d",
    )
