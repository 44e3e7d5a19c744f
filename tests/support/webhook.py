"""Where Alertmanager's messages go in tests: an HTTP server on loopback that keeps them, each with its path."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Message:
    """What came, to which path."""

    path: str
    body: dict[str, Any]

    @property
    def alerts(self) -> list[dict[str, Any]]:
        """The alerts of a webhook's message; none in one of another kind."""
        return list(self.body.get("alerts", ()))

    def names(self, status: str = "firing") -> set[str]:
        """Return the names of the alerts with this status."""
        return {alert["labels"]["alertname"] for alert in self.alerts if alert["status"] == status}


@dataclass(slots=True)
class Inbox:
    """The messages so far, in the order they came."""

    url: str
    messages: list[Message] = field(default_factory=list)
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def add(self, message: Message) -> None:
        """Take a message in."""
        with self.arrived:
            self.messages.append(message)
            self.arrived.notify_all()

    def wait(self, find: Callable[[list[Message]], T | None], seconds: float, *, after: int = 0) -> T:
        """Return what `find` makes of the messages behind the first `after`, once that is something.

        Raises `TimeoutError`, which tells what came instead.
        """
        with self.arrived:
            self.arrived.wait_for(lambda: find(self.messages[after:]), seconds)
            found = find(self.messages[after:])
        if not found:
            came = [(message.path, message.names(), message.names("resolved")) for message in self.messages[after:]]
            raise TimeoutError(f"within {seconds} s only {came}")
        return found


@contextmanager
def inbox() -> Iterator[Inbox]:
    """Receive messages until the block ends."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            received.add(Message(self.path, body))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        received = Inbox(f"http://127.0.0.1:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield received
        finally:
            server.shutdown()
            thread.join()
