"""Who is let in: rate limit, names of client certificates, basic auth; no site but this one."""

import asyncio
import base64
import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping

import bcrypt
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware

from exporter.web.webfile import RateLimit, WebConfig, san

# What bcrypt looks at; its library refuses more, where Go's and htpasswd cut it off.
_MOST = 72
_REMEMBERED = 100
_READING = frozenset({hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS})
_WAITING = 1000
"""Requests whose passwords may wait for their turn at once."""
_REALM = {hdrs.WWW_AUTHENTICATE: 'Basic realm="printcam-exporter", charset="UTF-8"'}
_SAN_KINDS = frozenset({"DNS", "IP Address", "email", "URI"})


def guard(config: Callable[[], WebConfig], clock: Callable[[], float] = time.monotonic) -> Middleware:
    """Return the middleware of every route; `config` is asked for each request, `clock` gives seconds."""
    passwords, limiter = _Passwords(), _Limiter(clock)

    @web.middleware
    async def let_in(request: web.Request, handler: Handler) -> web.StreamResponse:
        now = config()
        if not limiter.takes(now.rate_limit):
            raise web.HTTPTooManyRequests(text="too many requests\n")
        if now.allowed_sans and now.allowed_sans.isdisjoint(_names(request)):
            raise web.HTTPForbidden(text="the client certificate has none of the allowed names\n")
        if now.users and not await passwords.are_right(now.users, request.headers.get(hdrs.AUTHORIZATION, "")):
            raise web.HTTPUnauthorized(text="unauthorized\n", headers=_REALM)
        return await handler(request)

    return let_in


@web.middleware
async def same_site(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what a page of another site makes a browser send; only reading is for everybody.

    Old browsers, and all where this is no secure context, tell the origin alone (W3C Fetch Metadata). Scripts tell
    neither.
    """
    site, origin = request.headers.get("Sec-Fetch-Site"), request.headers.get(hdrs.ORIGIN)
    is_own = site in {"same-origin", "none"} if site else origin is None or origin.partition("://")[2] == request.host
    if request.method not in _READING and not is_own:
        raise web.HTTPForbidden(text="the request came from a page of another site\n")
    return await handler(request)


def _names(request: web.Request) -> set[str]:
    """Return the subject alternative names of the client's certificate (RFC 5280 section 4.2.1.6)."""
    session = request.get_extra_info("ssl_object")
    certificate = session.getpeercert() if session else None
    return {san(value) for kind, value in (certificate or {}).get("subjectAltName", ()) if kind in _SAN_KINDS}


def _credentials(header: str) -> tuple[str, bytes] | None:
    """Return user and password of an Authorization header (RFC 7617); None when it is another or broken."""
    scheme, _, encoded = header.partition(" ")
    try:
        user, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        return (user.decode(), password[:_MOST]) if colon and scheme.lower() == "basic" else None
    except ValueError:
        return None


class _Passwords:
    """Checks passwords one at a time and off the loop, and remembers which were right."""

    def __init__(self) -> None:
        self._right: OrderedDict[bytes, None] = OrderedDict()
        self._secret = secrets.token_bytes()
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def are_right(self, users: Mapping[str, bytes], header: str) -> bool:
        """Tell whether an Authorization header names a user with his password; raises HTTPServiceUnavailable."""
        given = _credentials(header)
        if given is None:
            return False
        user, password = given
        # An unknown user waits as long as a known one: for the hash of another, and never for one remembered.
        expected = users.get(user) or next(iter(users.values()))
        is_known, key = user in users, self._key(expected, password)
        if is_known and key in self._right:
            return True
        if self._waiting >= _WAITING:
            raise web.HTTPServiceUnavailable(text="too many passwords wait to be checked\n")
        self._waiting += 1
        try:
            async with self._turn:
                return await self._check(password, expected, key, is_known=is_known)
        finally:
            self._waiting -= 1

    async def _check(self, password: bytes, expected: bytes, key: bytes, *, is_known: bool) -> bool:
        if is_known and key in self._right:  # who waited before had the same
            return True
        is_right = await asyncio.to_thread(bcrypt.checkpw, password, expected) and is_known
        if is_right:
            self._right[key] = None
            if len(self._right) > _REMEMBERED:
                self._right.popitem(last=False)
        return is_right

    def _key(self, expected: bytes, password: bytes) -> bytes:
        """Return what a right password is remembered by: not itself, and of no use with another hash."""
        return hmac.digest(self._secret, expected + password, hashlib.sha256)


class _Limiter:
    """A bucket of `burst` requests, into which one comes back each `interval`."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._limit = RateLimit()
        self._left = 0.0
        self._at = 0.0

    def takes(self, limit: RateLimit) -> bool:
        """Tell whether one more request may pass now."""
        if not limit.interval:
            return True
        now = self._clock()
        back = (now - self._at) / limit.interval if limit == self._limit else limit.burst
        self._limit, self._at = limit, now
        self._left = min(limit.burst, self._left + back)
        is_taken = self._left >= 1
        self._left -= is_taken
        return is_taken
