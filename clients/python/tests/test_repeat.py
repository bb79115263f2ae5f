"""How calls are repeated, with answers of a server that is written here."""

from __future__ import annotations

import http.server
import json
import threading
import unittest
from typing import Any, Dict, List, Optional, Tuple

from relay_events import (
    ConnectionError,
    ProblemError,
    Relay,
    StreamError,
    StreamResult,
    TooManyRequestsError,
    UnavailableError,
)

Reply = Tuple[int, Dict[str, str], bytes]
SOON = {"Retry-After": "0"}


def reply(status: int, document: Any, headers: Optional[Dict[str, str]] = None) -> Reply:
    return status, headers or {}, json.dumps(document).encode()


def problem(kind: str, status: int, **more: Any) -> Reply:
    return reply(status, {"type": "urn:relay:problem:" + kind, "title": kind, "status": status, **more}, SOON)


CUT: Reply = (0, {}, b"")  # the connection ends without an answer


class Scripted(unittest.TestCase):
    """A server that gives these answers, one after the other, and keeps what it was sent."""

    def script(self, *replies: Reply) -> Relay:
        self.replies = list(replies)
        self.sent: List[Tuple[str, Optional[str], bytes]] = []
        case = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                case.sent.append((self.path, self.headers.get("Idempotency-Key"), body))
                status, headers, content = case.replies.pop(0)
                if status == 0:
                    self.close_connection = True
                    return
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PATCH = do_DELETE = handle_any

            def log_message(self, format: str, *args: Any) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        relay = Relay(f"http://127.0.0.1:{server.server_port}/base/", "k")

        def stop() -> None:
            relay.close()
            server.shutdown()
            server.server_close()

        self.addCleanup(stop)
        return relay

    def keys(self) -> List[bool]:
        return [key is not None for _, key, _ in self.sent]

    def test_get(self) -> None:
        relay = self.script(CUT, problem("unavailable", 503), reply(200, {"id": "e"}))
        self.assertEqual(relay.get_event("a/b")["id"], "e")
        self.assertEqual([path for path, _, _ in self.sent], ["/base/v1/events/a%2Fb"] * 3)

    def test_create(self) -> None:
        under_way = [{"field": "header Idempotency-Key", "reason": "belongs to a request that is still under way"}]
        relay = self.script(CUT, problem("conflict", 409, errors=under_way), reply(201, {"id": "wh"}))
        self.assertEqual(relay.create_webhook({"url": "https://example.com"})["id"], "wh")
        self.assertEqual(len({key for _, key, _ in self.sent}), 1)
        self.assertTrue(self.sent[0][1])

    def test_publish(self) -> None:
        relay = self.script(problem("unavailable", 503), reply(202, {"id": "e"}), reply(202, {"id": "e"}))
        relay.publish({"id": "e", "type": "a.b", "data": 1})
        relay.publish({"type": "a.b", "data": 1})
        self.assertEqual(self.keys(), [False, False, True])

    def test_change(self) -> None:
        relay = self.script(problem("too-many-requests", 429), problem("unavailable", 503), CUT)
        with self.assertRaises(UnavailableError):
            relay.update_webhook("w", {})
        with self.assertRaises(ConnectionError):
            relay.update_webhook("w", {})
        self.assertEqual(self.replies, [])

    def test_patience(self) -> None:
        relay = self.script(problem("too-many-requests", 429), problem("too-many-requests", 429), problem("too-many-requests", 429), reply(503, {}, {"Retry-After": "3600"}))
        with self.assertRaises(TooManyRequestsError):
            relay.get_event("e")
        with self.assertRaises(UnavailableError) as raised:
            relay.get_event("e")
        self.assertEqual(raised.exception.retry_after, 3600)
        self.assertEqual(self.replies, [])

    def test_not_relay(self) -> None:
        relay = self.script((418, {}, b"<html>"), (302, {"Location": "/elsewhere"}, b""))
        for status in (418, 302):
            with self.assertRaises(ProblemError) as raised:
                relay.get_event("e")
            self.assertEqual((raised.exception.status, raised.exception.kind), (status, ""))

    def test_stream(self) -> None:
        gave_up = {"line": 3, "lastLine": 4, "error": {"type": "urn:relay:problem:unavailable", "status": 503, "detail": "full"}}

        def answer(*lines: Dict[str, Any]) -> Reply:
            return 202, {}, b"".join(json.dumps(line).encode() + b"\n" for line in lines)

        relay = self.script(
            answer(
                {"line": 1, "error": {"type": "urn:relay:problem:invalid", "status": 422}},
                {"line": 2, "accepted": 1, "duplicates": 0},
                gave_up,
                {"done": False, "lines": 4, "accepted": 1, "duplicates": 0, "failed": 3},
            ),
            answer({"done": True, "lines": 2, "accepted": 1, "duplicates": 1, "failed": 0}),
            answer({"line": 2, "accepted": 2, "duplicates": 0}, gave_up, {"done": False, "lines": 4, "accepted": 2, "duplicates": 0, "failed": 2}),
        )
        result = relay.publish_stream([{"id": f"e{n}", "type": "a.b", "data": n} for n in range(1, 5)])
        self.assertEqual(result, StreamResult(4, 2, 1, 1))
        self.assertEqual(self.sent[1][2].count(b"\n"), 2)
        self.assertTrue(self.sent[1][2].startswith(b'{"id":"e3"'))
        with self.assertRaisesRegex(StreamError, "after 2 lines: full") as raised:
            relay.publish_stream([{"type": "a.b", "data": n} for n in range(1, 5)])
        self.assertEqual(raised.exception.result, StreamResult(2, 2, 0, 0))


if __name__ == "__main__":
    unittest.main()
