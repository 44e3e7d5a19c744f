"""The command line: arguments to one command."""

import argparse
import asyncio
import errno
import gc
import io
import ipaddress
import logging
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import tzinfo
from pathlib import Path
from typing import Any, get_args

from aiohttp import web
from pydantic import SecretStr
from rich.console import Console

from exporter import __version__, config, configtypes, logs, systemd
from exporter.app import App
from exporter.cameras.easyip import DEVICE_PORT, LISTEN_PORT
from exporter.cameras.registry import KIND
from exporter.cameras.views import views
from exporter.commands import backup, cameras, discover, inventory, kept, probe, report, tracked
from exporter.commands.arguments import community, typed
from exporter.commands.errors import CommandError, UsageError
from exporter.commands.files import create, exists
from exporter.config import Cameras, CommunityCredentials, Config, ConfigError, Printer
from exporter.configtypes import DEFAULT_PORTS
from exporter.discovery.sweep import CONCURRENCY
from exporter.metrics.exporter import add_web_config
from exporter.snmp import descriptors
from exporter.state import State, StateError
from exporter.web import listeners, server, webfile
from exporter.web.listeners import ListenError

log = logging.getLogger(__name__)

DEFAULT_CONFIG = Path("config.yaml")
DEFAULT_ADDRESS = ":10143"
# What is known of a fleet lives long and holds no cycles: to look through all of it every few polls takes a quarter of
# the time that 1,000 printers take.
_GC_THRESHOLDS = (200_000, 20, 100)

_FIRST_STEPS = """\
first steps:
  printcam-exporter demo                            a simulated office, at once
  printcam-exporter probe 10.10.5.28                does this printer answer?
  printcam-exporter check config.yaml               is the config good?
  printcam-exporter --config.file=config.yaml       serve its metrics on port 10143

SIGHUP or POST /-/reload reads the config again; one with a fault changes nothing.
"""
# What the system says when standard output cannot be written: nobody reads it, or a disk is behind it.
_UNWRITTEN = frozenset({errno.EPIPE, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO})
_OWN_FOLDERS = ("/-/", "/sd/", "/api/", "/printers/", "/cameras/", "/static/")
_EXAMPLES = {
    "check": "printcam-exporter check config.yaml",
    "probe": "printcam-exporter probe 10.10.5.28 --snmp.community=public\n"
    "  printcam-exporter probe Accounting --config.file=config.yaml --explain",
    "cameras": "printcam-exporter cameras\n  printcam-exporter cameras --interface=eth1 --csv",
    "discover": "printcam-exporter discover 10.10.5.0/24 10.10.6.20-40 --config.file=config.yaml\n"
    "  printcam-exporter discover --mdns 10.10.0.0/20 --config.file=config.yaml --write",
    "import": "printcam-exporter import tonertrack printers.json --write\n"
    "  printcam-exporter import cameras camera_database.json --config.file=config.yaml\n"
    "  printcam-exporter import backup.json",
    "export": "printcam-exporter export backup.json --config.file=config.yaml",
    "report": "printcam-exporter report pages --month=2026-10 --by=location\n"
    "  printcam-exporter report usage Accounting\n"
    "  printcam-exporter report order --days=14 --format=csv",
    "forget": 'printcam-exporter forget "Old copier" --config.file=config.yaml',
    "demo": "printcam-exporter demo --web.listen-address=localhost:10143",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    _prepare_output()
    command: Callable[[argparse.Namespace], int] = options.command
    logs.configure(options.log_level or ("info" if command in {_serve, _demo} else "warning"), options.log_format)
    try:
        code = command(options)
        sys.stdout.flush()
    except OSError as error:
        if error.errno not in _UNWRITTEN or error.filename:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # nothing may be written when Python ends
        if error.errno != errno.EPIPE:  # who read the output has had enough
            print(f"printcam-exporter: the output cannot be written: {error.strerror}", file=sys.stderr)
        return 1
    except (ConfigError, StateError) as error:
        print(error, file=sys.stderr)
        return 1
    except CommandError as error:
        print(f"printcam-exporter: {error}", file=sys.stderr)
        return 1
    except UsageError as error:
        print(f"printcam-exporter: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    else:
        return code


def _prepare_output() -> None:
    if sys.stdout is None:  # it was closed (>&-)
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115 - until the end
    if isinstance(sys.stdout, io.TextIOWrapper):  # the terminal's charset may lack letters that devices use
        sys.stdout.reconfigure(errors="backslashreplace")


def _parser() -> argparse.ArgumentParser:
    shared = _shared_options()
    parser = argparse.ArgumentParser(
        prog="printcam-exporter",
        description="Prometheus exporter for office printers (SNMP) and Panasonic / i-PRO cameras (Easy IP).\n"
        "Without a command it serves the metrics of the config's devices.",
        epilog=_FIRST_STEPS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[_shared_options(defaults=True)],
    )
    parser.add_argument("--version", action="version", version=f"printcam-exporter {__version__}")
    parser.set_defaults(command=_serve)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=_CommandParser)
    for name, command, text, add_options in (
        ("demo", _demo, "serve a simulated office on loopback; needs no config", None),
        (
            "check",
            _check,
            "validate the config, and the web config where one is given; exit 0 or 1, every fault with its line",
            _check_options,
        ),
        ("probe", _probe, "poll one printer now and show what it says", _probe_options),
        ("cameras", _cameras, "search for cameras now and show who is there", _cameras_options),
        (
            "discover",
            _discover,
            "look for printers, and print or write down those that the config lacks",
            discover.add_options,
        ),
        ("import", None, "take over what another tool knew, or put back a backup", _import_options),
        ("export", _export, "write the inventory and the state to a file, as a backup", _export_options),
        ("report", _report, "tell what was printed and what to buy, from a Prometheus", _report_options),
        ("forget", _forget, "drop a retired camera or printer from the state", _forget_options),
    ):
        sub = commands.add_parser(
            name,
            parents=[shared],
            help=text,
            description=f"{text.capitalize()}.",
            epilog=f"for example:\n  {_EXAMPLES[name]}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        if command:
            sub.set_defaults(command=command)
        if add_options:
            add_options(sub)
    return parser


def _shared_options(*, defaults: bool = False) -> "_CommandParser":
    """Return the options that may stand before or behind the command's name.

    Behind it they have no defaults, which would undo what stood before.
    """

    def default(value: object) -> object:
        return value if defaults else argparse.SUPPRESS

    options = _CommandParser(add_help=False, allow_abbrev=False)
    add = options.add_argument
    add(
        "--config.file",
        dest="config_file",
        type=Path,
        default=default(None),
        metavar="PATH",
        help="the inventory [config.yaml]",
    )
    add(
        "--web.listen-address",
        dest="listen_addresses",
        action="append",
        type=typed(_address),
        default=default(None),
        metavar="ADDR",
        help="where to listen: host:port, :port (every address), [::1]:port or unix:/path; may be repeated [:10143]",
    )
    add(
        "--web.systemd-socket",
        dest="systemd_socket",
        action="store_true",
        default=default(False),
        help="listen on the sockets that a systemd .socket unit passes, in place of --web.listen-address",
    )
    add(
        "--web.config.file",
        dest="web_config_file",
        type=Path,
        default=default(None),
        metavar="PATH",
        help="TLS, basic auth, headers and rate limit, in the format of Prometheus' exporter-toolkit [none]",
    )
    add(
        "--web.telemetry-path",
        dest="telemetry_path",
        type=typed(_path),
        default=default("/metrics"),
        metavar="PATH",
        help="where the metrics are [/metrics]",
    )
    add(
        "--log.level",
        dest="log_level",
        choices=logs.LEVELS,
        default=default(None),
        help="the least that is logged, on standard error [info; warning where nothing is served]",
    )
    add(
        "--log.format",
        dest="log_format",
        choices=tuple(logs.FORMATS),
        default=default("logfmt"),
        help="of a line [logfmt]",
    )
    return options


def _check_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", type=Path, help="the config, in place of --config.file")


def _probe_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "host", help="a printer's name in the config, or an address, with :port when it is not 161, or 631 over IPP"
    )
    parser.add_argument(
        "--protocol", choices=get_args(config.ProtocolName), help="how to ask [as the config says, else snmp]"
    )
    parser.add_argument(
        "--ipp.path",
        dest="ipp_path",
        type=typed(configtypes.url_path),
        metavar="PATH",
        help="where it is over IPP [/ipp/print, /ipp or /]",
    )
    parser.add_argument(
        "--snmp.community",
        dest="community",
        type=typed(community),
        default="public",
        help="for a host that is not in the config [public]; other users of this machine can see it",
    )
    parser.add_argument(
        "--device", type=int, metavar="NUMBER", help="the hrDeviceIndex, where several printers are behind one address"
    )
    parser.add_argument("--explain", action="store_true", help="show for every value where it comes from")
    parser.add_argument("--record", type=Path, metavar="FILE", help="write an anonymised recording of what it answers")
    parser.add_argument("--force", action="store_true", help="let --record overwrite a file")


def _cameras_options(parser: argparse.ArgumentParser) -> None:
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print a JSON list, with each camera's earlier addresses")
    form.add_argument("--csv", action="store_true", help="print CSV")
    parser.add_argument(
        "--interface",
        action="append",
        default=[],
        metavar="NAME",
        help="search on this one only, in place of those in the config; may be repeated",
    )
    parser.add_argument(
        "--target",
        action="append",
        default=[],
        type=typed(_ipv4),
        metavar="ADDRESS",
        help="search at this broadcast or unicast address too; may be repeated",
    )


class _CommandParser(argparse.ArgumentParser):
    """The parser of a command: `import FILE` is short for `import backup FILE`."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse what follows the command."""
        if self.prog.endswith(" import") and _names_file_at_once(args):
            args = ["backup", *args]
        return super().parse_known_args(args, namespace)


def _names_file_at_once(arguments: Sequence[str]) -> bool:
    if {*_IMPORTS, "-h", "--help"} & set(arguments):
        return False
    # Two words, of which the first is none of ours, are for argparse to complain of.
    return len(arguments) == 1 or any(each.startswith("-") for each in arguments[:2])


def _import_options(parser: argparse.ArgumentParser) -> None:
    sources = parser.add_subparsers(title="what to import", metavar="WHAT", required=True)
    for name, (text, add_options) in _IMPORTS.items():
        sub = sources.add_parser(name, parents=[_shared_options()], help=text, description=f"Take over {text}.")
        add_options(sub)


def _import_cameras_options(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_import_cameras)
    parser.add_argument("file", type=Path, help="a tracker database, a scan in JSON, or a site file")
    parser.add_argument(
        "--time-zone",
        type=typed(_zone),
        metavar="ZONE",
        help="of times that name none [that of the config], e.g. Europe/Berlin; the same when a file is imported again",
    )


def _import_tracker_options(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_import_tonertrack)
    parser.add_argument("file", type=Path, help="its export, printers.json")
    parser.add_argument(
        "--write",
        action="store_true",
        help="write the printers that it lacks into the config, in place of printing them",
    )
    parser.add_argument("--with-secrets", action="store_true", help="print communities, too")


def _import_backup_options(parser: argparse.ArgumentParser) -> None:
    parser.set_defaults(command=_import_backup)
    parser.add_argument("file", type=Path, help="a backup")
    parser.add_argument(
        "--replace", action="store_true", help="drop what the state holds now; a copy of the file is kept beside it"
    )


_IMPORTS: Mapping[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "cameras": ("what a camera tool knew, into the state", _import_cameras_options),
    "tonertrack": (
        "what the toner tracker knew: printers for the config, pages by month",
        _import_tracker_options,
    ),
    "backup": ("what `export` wrote; this word may be left out", _import_backup_options),
}


def _export_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", nargs="?", type=Path, help="where to write it [standard output]")
    parser.add_argument("--with-secrets", action="store_true", help="include the secrets that the config holds")
    parser.add_argument("--force", action="store_true", help="overwrite the file")


def _report_options(parser: argparse.ArgumentParser) -> None:
    report.add_options(parser, _shared_options())


def _forget_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("device", metavar="NAME|MAC|SERIAL", help="the camera or printer to forget")


def _ipv4(text: str) -> str:
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        raise ValueError(f"not an IPv4 address: {text}") from None


def _zone(text: str) -> tzinfo:
    found = configtypes.zone(text)
    if found is None:
        raise ValueError(f"no such time zone: {text}")
    return found


def _address(text: str) -> str:
    listeners.check_address(text)
    return text


def _path(text: str) -> str:
    if (
        not text.startswith("/")
        or text == "/probe"
        or text.startswith(_OWN_FOLDERS)
        or {"{", "}", "?", "#"} & set(text)
    ):
        raise ValueError(
            f"a path starts with / but not with {' '.join(_OWN_FOLDERS)}, is not /probe, and has no {{ }} ? or #"
        )
    return text


def _serve(options: argparse.Namespace) -> int:
    path = options.config_file or DEFAULT_CONFIG
    return asyncio.run(_run(App(lambda: config.load(path)), options))


def _demo(options: argparse.Namespace) -> int:
    return asyncio.run(_run_demo(options))


def _check(options: argparse.Namespace) -> int:
    path = options.file or options.config_file or DEFAULT_CONFIG
    checks = [lambda: _summary(path)]
    if web_path := options.web_config_file:
        checks.append(lambda: f"{web_path}: valid, {webfile.load(web_path)}")
    return max(map(_checked, checks))


def _checked(check: Callable[[], str]) -> int:
    """Print what a check says or what it finds wrong, and return the exit code."""
    try:
        print(check())
    except ConfigError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _summary(path: Path) -> str:
    loaded = config.load(path)
    searched = f"{len(loaded.cameras.known)} cameras listed" if loaded.cameras else "cameras are not searched for"
    told = f"{path}: valid, {len(loaded.printers)} printers, {searched}"
    return "\n".join([told, *inventory.checked(loaded)])


def _probe(options: argparse.Namespace) -> int:
    loaded = config.load(options.config_file) if options.config_file else None
    printer = _over_protocol(_printer_to_probe(options, loaded), options)
    if options.record:
        _check_writable(options.record, force=options.force)
    return asyncio.run(_run_probe(printer, loaded, options))


def _cameras(options: argparse.Namespace) -> int:
    loaded = config.load(options.config_file) if options.config_file else config.parse("cameras: {}")
    settings = loaded.cameras or Cameras()
    asked = {"interfaces": tuple(options.interface), "targets": tuple(options.target)}
    search = settings.search.model_copy(update={key: value for key, value in asked.items() if value})
    settings = settings.model_copy(update={"search": search})
    is_kept = options.config_file and exists(loaded.state_path)
    state = State(loaded.state_path, read_only=True) if is_kept else None
    try:
        return asyncio.run(_show_cameras(options, replace(loaded, cameras=settings), settings, state))
    finally:
        if state:
            state.close()


async def _show_cameras(options: argparse.Namespace, loaded: Config, settings: Cameras, state: State | None) -> int:
    stored = kept.stored_cameras(state, loaded.state_path) if state else {}
    status = Console(stderr=True).status("listening for cameras …")
    with status:
        registry, outcome = await cameras.search(
            settings, stored.values(), lambda count: status.update(f"listening for cameras … {count} so far")
        )
    found = views(registry, loaded)
    if options.json:
        print(cameras.as_json(found, loaded.zone, lambda mac: state.events(KIND, mac) if state else []))
    elif options.csv:
        print(cameras.as_csv(found, loaded.zone), end="")
    else:
        if found:
            Console().print(cameras.table(found, loaded.zone))
        print(cameras.summary(found, outcome))
    return 0 if any(outcome.segments.values()) else 1


def _discover(options: argparse.Namespace) -> int:
    _raise_file_limit(CONCURRENCY)
    return discover.run(options, options.config_file or (DEFAULT_CONFIG if options.write else None))


def _import_cameras(options: argparse.Namespace) -> int:
    loaded = config.load(options.config_file or DEFAULT_CONFIG)
    print("\n".join(kept.import_cameras(options.file, loaded, options.time_zone or loaded.zone)))
    return 0


def _import_tonertrack(options: argparse.Namespace) -> int:
    taken = tracked.import_tracker(
        options.file,
        options.config_file or DEFAULT_CONFIG,
        write=options.write,
        with_secrets=options.with_secrets,
        now=time.time(),
    )
    print(taken.yaml, end="")
    print("\n".join(taken.told), file=sys.stdout if options.write else sys.stderr)
    return 0


def _import_backup(options: argparse.Namespace) -> int:
    print("\n".join(backup.restore(options.file, options.config_file or DEFAULT_CONFIG, replace=options.replace)))
    return 0


def _export(options: argparse.Namespace) -> int:
    text, warnings = backup.export(options.config_file or DEFAULT_CONFIG, with_secrets=options.with_secrets)
    if options.file:
        backup.write(options.file, text, force=options.force)
    else:
        print(text, end="")
    for warning in warnings:
        print(f"warning: {warning}", file=sys.stderr)
    return 0


def _forget(options: argparse.Namespace) -> int:
    loaded = config.load(options.config_file or DEFAULT_CONFIG)
    print("\n".join(kept.forget(options.device, loaded)))
    return 0


def _report(options: argparse.Namespace) -> int:
    path = options.config_file or DEFAULT_CONFIG
    is_needed = options.config_file or not options.prometheus_url or exists(path)
    return report.run(options, config.load(path) if is_needed else None)


def _printer_to_probe(options: argparse.Namespace, loaded: Config | None) -> Printer:
    """Find the host in the config by name, then by address, else make an entry for it."""
    entries = inventory.printers_of(loaded) if loaded else ()
    found = [printer for printer in entries if options.host == printer.name]
    found += [printer for printer in entries if options.host in printer.spellings]
    if not found:
        return replace(_new_printer(options), device=options.device)
    if options.device is None:
        return found[0]
    return next((one for one in found if one.device == options.device), replace(found[0], device=options.device))


def _over_protocol(printer: Printer, options: argparse.Namespace) -> Printer:
    """Return the printer as it is to be asked, over another protocol at its usual port."""
    protocol = options.protocol or printer.protocol
    is_snmp = protocol == "snmp"
    if options.ipp_path and is_snmp:
        raise UsageError("--ipp.path needs --protocol ipp or ipps")
    if not is_snmp and (options.device is not None or options.record):
        raise UsageError("--device and --record are for SNMP")
    is_other = is_snmp != (printer.protocol == "snmp")
    return replace(
        printer,
        protocol=protocol,
        port=DEFAULT_PORTS[protocol] if is_other else printer.port,
        device=printer.device if is_snmp else None,
        ipp_path=options.ipp_path or printer.ipp_path,
    )


def _new_printer(options: argparse.Namespace) -> Printer:
    protocol: config.ProtocolName = options.protocol or "snmp"
    try:
        host, port = config.split_host(options.host, DEFAULT_PORTS[protocol])
    except ValueError as error:
        raise UsageError(f"{options.host}: {error}") from None
    return Printer(
        name=options.host,
        host=host,
        port=port,
        credentials=CommunityCredentials(version="2c", community=SecretStr(options.community)),
        protocol=protocol,
    )


async def _run_probe(printer: Printer, loaded: Config | None, options: argparse.Namespace) -> int:
    polling, engine = (loaded.polling, loaded.engine) if loaded else (config.Polling(), "auto")
    answer = await probe.ask(printer, engine, polling)
    console = Console()
    is_answered = probe.show(console, answer)
    if options.explain and is_answered:
        probe.explain_to(console, answer)
    if options.record and answer.values:
        with Console(stderr=True).status("recording …") as status:
            recording = await probe.record(
                answer, engine, polling, lambda rows: status.update(f"recording … {rows} rows so far")
            )
        await asyncio.to_thread(create, options.record, recording.text, force=options.force)
        print(probe.summary(options.record, recording))
    return 0 if is_answered else 1


def _check_writable(file: Path, *, force: bool) -> None:
    """Refuse at once what could not be written after minutes of asking."""
    is_there = exists(file)
    if is_there and not force:
        raise CommandError(f"{file} exists already; --force overwrites it")
    if not is_there and not os.access(file.parent, os.W_OK | os.X_OK):
        raise CommandError(f"{file}: cannot be written: no folder that this user may write to")


async def _run_demo(options: argparse.Namespace) -> int:
    from exporter.simulator.office import Office  # noqa: PLC0415 - nobody else pays for the simulator

    office = Office()
    try:
        await office.start()
    except OSError:  # another demo has the port
        office = Office(port=0)
        await office.start()
    try:
        text = office.config_text()
        hosts = [f"{printer.host}:{printer.port}" for printer in office.printers]
        is_first = office.camera_ports == (LISTEN_PORT, DEVICE_PORT)
        app = App(lambda: config.parse(text, "demo.yaml"))
        return await _run(app, options, lambda url: _greet(url, options.telemetry_path, hosts, is_first=is_first))
    finally:
        await office.close()


def _greet(url: str, telemetry_path: str, hosts: Sequence[str], *, is_first: bool) -> None:
    print(f"A simulated office of {len(hosts)} printers, and of cameras, is running. Stop it with Ctrl-C.")
    print(f"  {url}{telemetry_path}   the metrics; each scrape polls the printers and searches for the cameras")
    print(f"  {url}/   the status page, for a person")
    print(f"  {sys.argv[0]} probe {hosts[0]}   one printer, for a person")
    if is_first:  # another demo's cameras are on other ports
        print(f"  {sys.argv[0]} cameras --interface=lo --target=127.255.255.255   the cameras, for a person")


async def _run(app: App, options: argparse.Namespace, greet: Callable[[str], None] = log.debug) -> int:
    """Serve until SIGTERM or SIGINT; SIGHUP reloads. `greet` is told where, once it is reached there."""
    gc.set_threshold(*_GC_THRESHOLDS)
    web_config = webfile.Watched(options.web_config_file)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    reloads: set[asyncio.Task[None]] = set()

    def reload() -> None:
        task = loop.create_task(_reload_quietly(app))
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGHUP, reload)
    try:
        await app.start()
    except (ConfigError, StateError):
        await app.close()
        raise
    _raise_file_limit(app.printer_count)
    if options.web_config_file:
        add_web_config(app.registry, lambda: web_config.succeeded)
    runner = await server.runner(
        server.application(app, telemetry_path=options.telemetry_path, web_config=lambda: web_config.current)
    )
    try:
        addresses = await _listen(runner, options, web_config)
    except ListenError as error:
        log.error("cannot listen", extra={"address": error.address, "error": error.reason})  # noqa: TRY400
        await app.close()
        await runner.cleanup()
        return 1
    log.info(
        "listening", extra={"address": ", ".join(addresses), "web": web_config.current, "printers": app.printer_count}
    )
    greet(_url(addresses[0], runner, is_secure=web_config.current.tls is not None))
    await _tell_systemd(app, stop)
    log.info("stopping")
    await app.close()
    await runner.cleanup()
    return 0


async def _listen(runner: web.AppRunner, options: argparse.Namespace, web_config: webfile.Watched) -> tuple[str, ...]:
    """Listen where the options say, and return where; raises ListenError."""
    first = web_config.current.tls
    tls = (lambda: web_config.current.tls or first) if first else None
    if options.systemd_socket:
        sockets = listeners.from_systemd()
        await listeners.listen_on(runner, sockets, tls)
        return tuple(map(listeners.name_of, sockets))
    addresses = tuple(options.listen_addresses or (DEFAULT_ADDRESS,))
    await listeners.listen(runner, addresses, tls)
    return addresses


def _url(address: str, runner: web.AppRunner, *, is_secure: bool) -> str:
    """Return where a person can reach the first of the addresses; port 0 was any free one."""
    if address.startswith(listeners.UNIX):
        return address
    host, _ = listeners.split_address(address)
    port = runner.addresses[0][1]
    return f"http{'s' * is_secure}://{configtypes.bracketed(host or 'localhost')}:{port}"


async def _tell_systemd(app: App, stop: asyncio.Event) -> None:
    """Tell systemd, where it asks for that, how the exporter fares until it is to stop."""
    service = systemd.Service(lambda: app.summary)
    app.around_reload = service.reloading
    service.ready()
    alive = asyncio.create_task(service.keep_alive(lambda: app.is_well), name="signs of life")
    await stop.wait()
    alive.cancel()
    service.stopping()


async def _reload_quietly(app: App) -> None:
    """Reload for SIGHUP: the failure is logged and a metric already."""
    with suppress(ConfigError):
        await app.reload()


def _raise_file_limit(printers: int) -> None:
    """Allow as many sockets as the system does: the fast SNMP engine keeps one open for each printer."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < printers + descriptors.OTHERS:
        log.warning("too few descriptors for so many printers", extra={"limit": hard, "printers": printers})
