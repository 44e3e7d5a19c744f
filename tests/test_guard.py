"""Who is let in, over real connections."""

import asyncio
import base64
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import aiohttp
import bcrypt
import pytest
from aiohttp import web

from exporter.web import guard
from exporter.web.guard import guard as guarded
from exporter.web.listeners import listen
from exporter.web.server import application, runner
from exporter.web.webfile import RateLimit, WebConfig
from tests.support.agents import own_address
from tests.support.pems import hash_of
from tests.test_web import FakeExporter

USERS = {"alice": hash_of("open sesame").encode(), "bob": hash_of("swordfish").encode()}
ROUTES = [
    *("/", "/static/status.css", "/printers/none", "/cameras/none", "/api/printers", "/api/stats", "/api/none"),
    *("/metrics", "/metrics?collect[]=self", "/sd/cameras", "/-/healthy", "/-/ready", "/none", "/-/none"),
]
HEADERS = {"X-Frame-Options": "deny", "Strict-Transport-Security": "max-age=1"}


def basic(user: str, password: str | bytes) -> dict[str, str]:
    given = password.encode() if isinstance(password, str) else password
    return {"Authorization": "Basic " + base64.b64encode(user.encode() + b":" + given).decode()}


ALICE = basic("alice", "open sesame")


@asynccontextmanager
async def serving(app: web.Application) -> AsyncIterator[aiohttp.ClientSession]:
    served = await runner(app)
    await listen(served, [f"{own_address()}:0"])
    host, port = served.addresses[0][:2]
    # Each request has a connection of its own, as different clients would.
    connector = aiohttp.TCPConnector(force_close=True, limit=0)
    async with aiohttp.ClientSession(f"http://{host}:{port}", connector=connector) as client:
        yield client
    await served.cleanup()


def exporting(config: WebConfig) -> web.Application:
    return application(FakeExporter(), web_config=lambda: config)


async def status(client: aiohttp.ClientSession, path: str = "/-/healthy", **headers: str) -> int:
    async with client.get(path, headers=headers) as answer:
        await answer.read()
        return answer.status


@dataclass
class Checks:
    """The checks of passwords that were made."""

    made: list[tuple[bytes, bytes]] = field(default_factory=list)
    go: threading.Event = field(default_factory=threading.Event)

    def check(self, password: bytes, hashed: bytes) -> bool:
        self.made.append((password, hashed))
        assert self.go.wait(10)
        return self.real(password, hashed)

    real: Callable[[bytes, bytes], bool] = bcrypt.checkpw


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Checks:
    made = Checks()
    made.go.set()
    monkeypatch.setattr(bcrypt, "checkpw", made.check)
    return made


# ---- passwords


@pytest.mark.parametrize("path", ROUTES)
async def test_no_route_answers_without_the_password(path: str) -> None:
    async with serving(exporting(WebConfig(users=USERS))) as client:
        for headers in ({}, basic("alice", "wrong"), basic("eve", "open sesame"), basic("alice", "swordfish")):
            assert await status(client, path, **headers) == 401
        wanted = 404 if "none" in path else 200
        assert await status(client, path, **ALICE) == wanted
        assert await status(client, path, **basic("bob", "swordfish")) == wanted


@pytest.mark.parametrize(("method", "path", "wanted"), [("POST", "/-/reload", 200), ("DELETE", "/metrics", 405)])
async def test_other_methods_need_the_password_too(method: str, path: str, wanted: int) -> None:
    exporter = FakeExporter()
    async with serving(application(exporter, web_config=lambda: WebConfig(users=USERS))) as client:
        async with client.request(method, path) as answer:
            assert answer.status == 401
            assert answer.headers["WWW-Authenticate"].startswith('Basic realm="printcam-exporter"')
        assert exporter.reloads == 0
        async with client.request(method, path, headers=ALICE) as answer:
            assert answer.status == wanted


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic ",
        "Basic !!!!",
        "Basic YWxpY2U=",  # alice
        "Basic ////",
        "Basic /zpv",  # a user that is not UTF-8
        "Bearer " + ALICE["Authorization"].partition(" ")[2],
        ALICE["Authorization"].replace("Basic ", "Basic"),
        "Digest username=alice",
    ],
)
async def test_a_header_that_is_no_basic_auth_is_refused_without_a_check(header: str, checks: Checks) -> None:
    async with serving(exporting(WebConfig(users=USERS))) as client:
        assert await status(client, Authorization=header) == 401
    assert checks.made == []


@pytest.mark.parametrize("password", ["", "a:b:c", "pässwörd ☃", "x" * 72, "a\x01b"])
async def test_any_password_can_be_used(password: str) -> None:
    users = {"älice": hash_of(password).encode()}
    async with serving(exporting(WebConfig(users=users))) as client:
        assert await status(client, **basic("älice", password)) == 200
        assert await status(client, **basic("älice", password[:-1] + "?")) == 401


async def test_of_a_long_password_as_much_counts_as_bcrypt_takes() -> None:
    async with serving(exporting(WebConfig(users={"alice": hash_of("x" * 72).encode()}))) as client:
        assert await status(client, **basic("alice", "x" * 200)) == 200
        assert await status(client, **basic("alice", "x" * 71)) == 401


async def test_an_unknown_user_costs_a_check_of_the_same_hash(checks: Checks) -> None:
    async with serving(exporting(WebConfig(users=USERS))) as client:
        assert await status(client, **ALICE) == 200
        for password in ("wrong", "open sesame"):  # the second is remembered, but is not his
            checks.made.clear()
            assert await status(client, **basic("eve", password)) == 401
            assert checks.made == [(password.encode(), USERS["alice"])]


async def test_a_right_password_is_checked_once_also_for_many_who_come_at_once(checks: Checks) -> None:
    async with serving(exporting(WebConfig(users=USERS))) as client:
        assert set(await asyncio.gather(*(status(client, **ALICE) for _ in range(200)))) == {200}
    assert len(checks.made) == 1


async def test_who_is_remembered_does_not_wait_behind_others_checks(checks: Checks) -> None:
    async with serving(exporting(WebConfig(users=USERS))) as client:
        assert await status(client, **ALICE) == 200
        checks.go.clear()
        slow = [asyncio.create_task(status(client, **basic("eve", str(number)))) for number in range(3)]
        while len(checks.made) < 2:
            await asyncio.sleep(0)
        assert await status(client, **ALICE) == 200
        assert len(checks.made) == 2, "one at a time"
        checks.go.set()
        assert await asyncio.gather(*slow) == [401] * 3


async def test_a_flood_of_wrong_passwords_makes_nobody_forgotten(checks: Checks) -> None:
    async with serving(exporting(WebConfig(users=USERS))) as client:
        assert await status(client, **ALICE) == 200
        wrong = (status(client, **basic("alice", str(number))) for number in range(guard._REMEMBERED + 20))
        assert set(await asyncio.gather(*wrong)) == {401}
        checks.made.clear()
        assert await status(client, **ALICE) == 200
    assert checks.made == []


async def test_a_flood_of_passwords_waits_in_a_queue_with_an_end(
    checks: Checks, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "_WAITING", 3)
    async with serving(exporting(WebConfig(users=USERS))) as client:
        assert await status(client, **ALICE) == 200
        checks.go.clear()
        flood = [asyncio.create_task(status(client, **basic("eve", str(number)))) for number in range(10)]
        while sum(task.done() for task in flood) < 7:
            await asyncio.sleep(0)
        assert await status(client, **ALICE) == 200
        checks.go.set()
        assert sorted(await asyncio.gather(*flood)) == [401] * 3 + [503] * 7


async def test_no_more_is_remembered_than_there_is_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_REMEMBERED", 2)
    passwords = guard._Passwords()
    users = {name: hash_of(name).encode() for name in "abc"}
    for name in users:
        assert await passwords.are_right(users, basic(name, name)["Authorization"])
    assert len(passwords._right) == 2


async def test_nothing_that_is_remembered_shows_a_password() -> None:
    passwords = guard._Passwords()
    assert await passwords.are_right(USERS, ALICE["Authorization"])
    assert b"sesame" not in b"".join(passwords._right)


async def test_another_hash_or_no_user_any_more_counts_at_once(checks: Checks) -> None:
    config = WebConfig(users=USERS)
    async with serving(application(FakeExporter(), web_config=lambda: config)) as client:
        assert await status(client, **ALICE) == 200
        config = replace(config, users=USERS | {"alice": hash_of("new").encode()})
        assert await status(client, **ALICE) == 401
        assert await status(client, **basic("alice", "new")) == 200
        config = replace(config, users={"bob": USERS["bob"]})
        assert await status(client, **basic("alice", "new")) == 401
        config = replace(config, users={})
        assert await status(client) == 200


# ---- headers


@pytest.mark.parametrize("path", ROUTES)
async def test_headers_are_on_every_answer_and_stream(path: str) -> None:
    async with serving(exporting(WebConfig(users=USERS, headers=HEADERS))) as client:
        for headers in ({}, ALICE):
            async with client.get(path, headers=headers) as answer:
                assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


@pytest.mark.parametrize(
    ("method", "headers", "wanted"),
    [("GET", {}, 500), ("HEAD", {}, 500), ("DELETE", {}, 500), ("GET", {"Expect": "nonsense"}, 417)],
)
async def test_headers_are_on_errors_too(method: str, headers: dict[str, str], wanted: int) -> None:
    @web.middleware
    async def fail(request: web.Request, handler: object) -> web.StreamResponse:
        raise RuntimeError("broken")

    app = exporting(WebConfig(headers=HEADERS))
    app.middlewares.append(fail)
    async with serving(app) as client, client.request(method, "/-/healthy", headers=headers) as answer:
        assert answer.status == wanted
        assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


async def test_head_is_answered_without_a_body_to_who_has_the_password() -> None:
    async with serving(exporting(WebConfig(users=USERS, headers=HEADERS))) as client:
        for headers, wanted in (({}, 401), (ALICE, 200)):
            async with client.head("/-/healthy", headers=headers) as answer:
                assert (answer.status, await answer.read()) == (wanted, b"")
                assert answer.headers["X-Frame-Options"] == "deny"


# ---- rate limit


async def test_so_many_requests_pass_at_once_and_one_more_each_interval() -> None:
    now = 1000.0
    app = web.Application(middlewares=[guarded(lambda: config, lambda: now)])
    config = WebConfig(rate_limit=RateLimit(interval=2, burst=3))
    async with serving(app) as client:

        async def passed(count: int) -> int:
            return [await status(client) for _ in range(count)].count(404)

        assert await passed(5) == 3
        now += 2
        assert await passed(2) == 1
        now += 1
        assert await passed(1) == 0
        now += 1
        assert await passed(2) == 1
        now += 1000
        assert await passed(5) == 3
        config = WebConfig(rate_limit=RateLimit(interval=2, burst=1))
        assert await passed(2) == 1, "another limit counts at once"
        config = WebConfig()
        assert await passed(9) == 9


async def test_the_limit_stands_before_the_password(checks: Checks) -> None:
    config = WebConfig(users=USERS, rate_limit=RateLimit(interval=1000, burst=2))
    async with serving(exporting(config)) as client:
        wrong = basic("alice", "wrong")
        assert [await status(client, **wrong) for _ in range(4)] == [401, 401, 429, 429]
        assert await status(client, **ALICE) == 429
    assert len(checks.made) == 2


async def test_names_are_asked_of_a_certificate_that_nobody_gave() -> None:
    async with serving(exporting(WebConfig(allowed_sans=frozenset({"prometheus.example"})))) as client:
        assert await status(client) == 403
