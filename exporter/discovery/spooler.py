"""Asks the spooler of a Windows print server (MS-RPRN over SMB), in a process of its own.

    python -P -m exporter.discovery.spooler < question > answer        # JSON, see `main`

impacket blocks, and trusts who it talks to; a process can be ended, whatever it hangs on, and holds nobody else up.
The only module that imports impacket. Nothing of what the server says goes into an error but its codes.
"""

import json
import resource
import signal
import socket
import struct
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from itertools import takewhile
from typing import Any, Final

from impacket import nmb, nt_errors, system_errors
from impacket.dcerpc.v5 import rprn, rrp, transport
from impacket.dcerpc.v5.dtypes import NULL
from impacket.dcerpc.v5.rpcrt import RPC_C_AUTHN_LEVEL_PKT_PRIVACY, DCERPCException, rpc_status_codes
from impacket.smbconnection import SessionError, SMBConnection

from exporter.discovery.answer import MAX_QUEUES, ServerError

MAX_ANSWER: Final = 16 * 1024 * 1024
"""Octets that a list of printers may have; one of 2,000 printers with all that drivers add to it has a few millions."""

_MEMORY = 1024 * 1024 * 1024
_TEXT = 512  # characters of a field that anyone reads
_INFO = 84  # octets of a PRINTER_INFO_2 without what it points to: 21 DWORDs
_FIELDS = {"name": 1, "port": 3, "driver": 4, "comment": 5, "location": 6}  # its DWORDs that are offsets of text
_READ: Final = 0x00020019  # KEY_READ
_START = 2.0  # seconds until a service has started
_TRIES = 3  # a printer may be added between the question for the size and that for the list
_PORTS: Final = "SYSTEM\\CurrentControlSet\\Control\\Print\\Monitors\\Standard TCP/IP Port\\Ports"

_REFUSALS = frozenset(
    """
    STATUS_ACCESS_DENIED STATUS_LOGON_FAILURE STATUS_WRONG_PASSWORD STATUS_NO_SUCH_USER STATUS_ACCOUNT_RESTRICTION
    STATUS_INVALID_LOGON_HOURS STATUS_INVALID_WORKSTATION STATUS_PASSWORD_EXPIRED STATUS_ACCOUNT_DISABLED
    STATUS_ACCOUNT_EXPIRED STATUS_PASSWORD_MUST_CHANGE STATUS_ACCOUNT_LOCKED_OUT STATUS_LOGON_TYPE_NOT_GRANTED
    STATUS_NOT_SUPPORTED STATUS_NTLM_BLOCKED STATUS_NETWORK_ACCESS_DENIED ERROR_ACCESS_DENIED rpc_s_access_denied
    """.split()  # noqa: SIM905 - as below, a list to compare with that of the library
)
_NO_PIPE = {"STATUS_OBJECT_NAME_NOT_FOUND", "STATUS_PIPE_NOT_AVAILABLE"}


def _pack(array: Any, field: str, _kind: str, _so_far: int = 0) -> bytes:
    array.setArraySize(len(array.fields[field]))
    return bytes(array.fields[field])


def _unpack(array: Any, field: str, _kind: str, octets: bytes, offset: int = 0) -> int:
    array.fields[field] = octets[offset : offset + array.getArraySize()]
    return len(array.fields[field])


# impacket packs a list octet by octet and copies what it has with each: a million of them takes it minutes.
rprn.BYTE_ARRAY.pack = _pack
rprn.BYTE_ARRAY.unpack = _unpack


def main() -> None:
    """Read {host, port, user, password, domain, timeout} and write {queues, hosts} or {reason, detail}."""
    question = json.load(sys.stdin)
    timeout = float(question["timeout"])
    signal.setitimer(signal.ITIMER_REAL, timeout)  # SIGALRM ends it
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    try:
        answer = ask(question, timeout)
    except ServerError as error:
        answer = {"reason": error.reason, "detail": str(error)}
    json.dump(answer, sys.stdout)


def ask(question: Mapping[str, Any], timeout: float) -> dict[str, Any]:
    """Return the queues of a server as dictionaries and the hosts of its ports by name; raises ServerError."""
    half_time = time.monotonic() + timeout / 2
    try:
        smb = SMBConnection(question["host"], question["host"], sess_port=question["port"], timeout=timeout)
        smb.login(question["user"], question["password"], question["domain"])
        queues = list(_queues(*_printers(_pipe(smb, "spoolss", rprn.MSRPC_UUID_RPRN))))
        return {"queues": queues, "hosts": _hosts(smb, {queue["port"] for queue in queues}, half_time)}
    except ServerError:
        raise
    except Exception as error:  # noqa: BLE001 - what impacket raises at a broken server has no end
        raise _explained(error) from None


def _pipe(smb: Any, name: str, interface: bytes) -> Any:
    way = transport.SMBTransport(smb.getRemoteHost(), filename=f"\\{name}", smb_connection=smb)
    rpc = way.get_dce_rpc()
    if smb.getCredentials()[0]:
        rpc.set_auth_level(RPC_C_AUTHN_LEVEL_PKT_PRIVACY)  # spoolers may refuse less since CVE-2021-1678
    rpc.connect()
    rpc.bind(interface)
    return rpc


def _printers(rpc: Any) -> tuple[bytes, int]:
    """Return the PRINTER_INFO_2 structures of all printers that this user may see, and how many they are."""
    size = 0
    for _ in range(_TRIES):
        request = rprn.RpcEnumPrinters()
        request["Flags"] = rprn.PRINTER_ENUM_LOCAL
        request["Name"] = NULL
        request["Level"] = 2
        request["pPrinterEnum"] = b"\0" * size if size else NULL
        request["cbBuf"] = size
        try:
            answer = rpc.request(request)
        except rprn.DCERPCSessionError as error:
            if error.get_error_code() != system_errors.ERROR_INSUFFICIENT_BUFFER:
                raise
            size = int(error.get_packet()["pcbNeeded"])
            if size > MAX_ANSWER:
                raise ServerError("too_many", f"a list of {size:,} octets, of which {MAX_ANSWER:,} are read") from None
        else:
            return bytes(answer["pPrinterEnum"] or b""), int(answer["pcReturned"])
    raise ServerError("protocol", "the size of the list changes with each question")


def _queues(infos: bytes, count: int) -> Iterator[dict[str, str]]:
    """Read the structures; their texts are where offsets from the beginning of each say (MS-RPRN 2.2.2.1)."""
    if count > MAX_QUEUES:
        raise ServerError("too_many", f"{count:,} queues, of which at most {MAX_QUEUES:,} are looked at")
    if count * _INFO > len(infos):
        raise ServerError("protocol", f"a list of {count:,} printers has {len(infos):,} octets only")
    for number in range(count):
        start = number * _INFO
        offsets = struct.unpack_from("<7I", infos, start)
        yield {field: _text(infos, start, offsets[place]) for field, place in _FIELDS.items()}


def _text(infos: bytes, start: int, offset: int) -> str:
    """Return the text in UTF-16 that ends with a NUL; none where the offset is 0, as a null pointer is."""
    place = start + offset
    text = infos[place : place + 2 * _TEXT].decode("utf-16-le", "replace") if offset else ""
    return text.partition("\0")[0]


def _hosts(smb: Any, ports: Iterable[str], until: float) -> dict[str, str]:
    """Return where TCP/IP ports lead to, by name; none where this user may not read the registry.

    Each port costs some questions, which a server far away does not answer for all in time: the same ones are left out.
    """
    try:
        rpc = _registry(smb)
        root = rrp.hOpenLocalMachine(rpc, _READ)["phKey"]
        in_time = takewhile(lambda _: time.monotonic() < until, sorted(ports))
        return {port: host for port in in_time if "\\" not in port and (host := _host(rpc, root, port))}
    except (SessionError, DCERPCException):
        return {}


def _registry(smb: Any) -> Any:
    """Connect to the registry; its service starts when its pipe is first asked for, which is not there then."""
    try:
        return _pipe(smb, "winreg", rrp.MSRPC_UUID_RRP)
    except SessionError as error:
        if _code(error) not in _NO_PIPE:
            raise
    time.sleep(_START)
    return _pipe(smb, "winreg", rrp.MSRPC_UUID_RRP)


def _host(rpc: Any, root: Any, port: str) -> str:
    """Return what a port was set to: HostName, or IPAddress where that is empty; "" for a port of another kind."""
    try:
        key = rrp.hBaseRegOpenKey(rpc, root, f"{_PORTS}\\{port}", samDesired=_READ)["phkResult"]
    except rrp.DCERPCSessionError as error:
        if error.get_error_code() == system_errors.ERROR_FILE_NOT_FOUND:
            return ""
        raise
    try:
        return next(filter(None, (_value(rpc, key, name) for name in ("HostName", "IPAddress"))), "")
    finally:
        rrp.hBaseRegCloseKey(rpc, key)


def _value(rpc: Any, key: Any, name: str) -> str:
    try:
        _, value = rrp.hBaseRegQueryValue(rpc, key, name)
    except rrp.DCERPCSessionError:
        return ""
    return value.rstrip("\0")[:_TEXT] if isinstance(value, str) else ""


def _explained(error: Exception) -> ServerError:
    """Give our error for one of impacket's, or of whatever stumbled over what the server sent."""
    if isinstance(error, nmb.NetBIOSTimeout | TimeoutError):
        return ServerError("timeout", "no answer")
    if isinstance(error, nmb.NetBIOSError):
        return ServerError("protocol", "the connection was closed")
    if isinstance(error, OSError):
        return _unreachable(next((arg for arg in error.args if isinstance(arg, OSError)), error))
    name = _code(error)
    if name in _REFUSALS:
        return ServerError("auth", f"refused with {name}")
    if name in _NO_PIPE:
        return ServerError("protocol", "the spooler does not run, or takes no RPC over named pipes")
    return ServerError("protocol", name or f"an answer that cannot be read ({type(error).__name__})")


def _unreachable(error: OSError) -> ServerError:
    if isinstance(error, TimeoutError):
        return ServerError("timeout", "no answer")
    return ServerError(
        "unreachable", "the name has no address" if isinstance(error, socket.gaierror) else error.strerror or "no way"
    )


def _code(error: Exception) -> str:
    """Return the name of the code with which the server refused; "" where it did not."""
    if isinstance(error, SessionError):
        return str(nt_errors.ERROR_MESSAGES.get(error.getErrorCode(), ("an unknown SMB error",))[0])
    if not isinstance(error, DCERPCException):
        return ""
    code = error.get_error_code()
    known = system_errors.ERROR_MESSAGES.get(code, ("",))[0] or rpc_status_codes.get(code, "")
    return str(known or error.error_string or "an unknown RPC error")[:_TEXT]


if __name__ == "__main__":
    main()
