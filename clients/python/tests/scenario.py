"""The scenario that the clients in Go, TypeScript and Python share; internal/e2etest runs it against a live server."""

from __future__ import annotations

import datetime
import http.server
import os
import threading
import time
from typing import Any, Callable, Iterator, List, Optional, Tuple, Type, TypeVar

from relay_events import (
    ConflictError,
    ConnectionError,
    InvalidError,
    NotFoundError,
    Relay,
    StreamReport,
    StreamResult,
    UnauthorizedError,
    types,
)
from relay_events.receiver import SignatureError, verify

T = TypeVar("T")
E = TypeVar("E", bound=Exception)
checks = 0


def check(condition: object, what: object) -> None:
    global checks
    checks += 1
    assert condition, what


def fails(kind: Type[E], call: Callable[[], object], what: str) -> E:
    global checks
    checks += 1
    try:
        got = call()
    except kind as error:
        return error
    raise AssertionError(f"{what}: got {got!r}, want {kind.__name__}")


def until(what: str, look: Callable[[], Optional[T]]) -> T:
    end = time.monotonic() + 30
    while True:
        found = look()
        if found is not None:
            return found
        assert time.monotonic() < end, f"{what}: not within 30 s"
        time.sleep(0.02)


url, key = os.environ["RELAY_URL"], os.environ["RELAY_KEY"]
relay = Relay(url, key)

# The endpoint, which refuses events until it is told to take them.
refusing = False
received: List[Tuple[List[Tuple[str, str]], bytes]] = []


class Endpoint(http.server.BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if not refusing:
            received.append((self.headers.items(), body))
        self.send_response(500 if refusing else 204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        pass


endpoint = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
threading.Thread(target=endpoint.serve_forever, daemon=True).start()
address = f"http://127.0.0.1:{endpoint.server_port}/hook?a=1"

# An event type and a webhook.
schema = {"type": "object", "required": ["amount"], "properties": {"amount": {"type": "number"}}}
event_type = relay.create_event_type({"name": "py.paid", "description": "paid", "schema": schema, "validation": "strict"})
check(event_type["name"] == "py.paid" and event_type["validation"] == "strict", event_type)
webhook = relay.create_webhook(
    {
        "url": address,
        "events": ["py.*"],
        "signature": "relay+standard",
        "filter": "event.type != 'py.bulk'",
        "retry": {"attempts": 1},
        "timeout": datetime.timedelta(seconds=5),
        "description": "scenario",
    }
)
secret = webhook.get("secret") or ""
check(secret.startswith("whsec_") and webhook["events"] == ["py.*"] and webhook["timeout"] == "5s", webhook)
twice: types.CreateWebhook = {"url": address, "events": ["py.never"]}
once = relay.create_webhook(twice, idempotency_key="py-webhook")
check(relay.create_webhook(twice, idempotency_key="py-webhook")["id"] == once["id"], "one webhook for one key")

# Publishing: one, many, a stream.
at = datetime.datetime(2026, 5, 5, 16, 23, 0, 123456, datetime.timezone(datetime.timedelta(hours=2)))
first = relay.publish({"id": "py-1", "type": "py.paid", "data": {"amount": 7}, "timestamp": at})
check(first["id"] == "py-1" and not first["duplicate"] and first["timestamp"] == "2026-05-05T14:23:00.123Z", first)
check(relay.publish({"id": "py-1", "type": "py.paid", "data": {"amount": 7}, "timestamp": at})["duplicate"], "a duplicate")
keyed = relay.publish({"type": "py.paid", "data": {"amount": 8}}, idempotency_key="py-once")
check(relay.publish({"type": "py.paid", "data": {"amount": 8}}, idempotency_key="py-once")["id"] == keyed["id"], "one event for one key")
many = relay.publish_many(
    [{"id": "py-2", "type": "py.paid", "data": {"amount": 9}}, {"id": "py-1", "type": "py.paid", "data": {"amount": 7}, "timestamp": at}]
)
check(many["accepted"] == 1 and many["duplicates"] == 1 and many["events"][0]["id"] == "py-2", many)


def lines() -> Iterator[types.NewEvent]:
    for n in range(1, 1501):
        yield {"id": f"py-line-{n}", "type": "not a type" if n == 1200 else "py.bulk", "data": {"n": n}}


reports: List[StreamReport] = []
result = relay.publish_stream(lines(), on_report=reports.append)
check(result == StreamResult(1500, 1499, 0, 1), result)
bad = [report for report in reports if report.error]
check(len(bad) == 1 and bad[0].line == 1200 and isinstance(bad[0].error, InvalidError), bad)
check(relay.publish_stream([{"id": "py-line-1", "type": "py.bulk", "data": {"n": 1}}]).duplicates == 1, "a line sent again")
fails(InvalidError, lambda: relay.publish_stream([{"type": "", "data": 1}]), "a stream of nothing usable")

# Lists.
since = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(hours=1)
check(sum(1 for _ in relay.list_events(type="py.bulk", limit=250, since=since)) == 1499, "an iterator over all pages")
page = relay.list_events_page(type="py.bulk", limit=10)
check(len(page.data) == 10 and page.next_cursor and page.data[0]["type"] == "py.bulk", page.data)
check(isinstance(relay.list_jobs(), list), "a list without pages")

# A delivery, verified.
headers, body = until("the delivery", lambda: next((r for r in received if b'"amount":7' in r[1]), None))
verify(headers, body, secrets=[secret])
old = [(n, "1" if n.lower().endswith("-timestamp") else v) for n, v in headers]
for wrong_headers, wrong_body in [(headers, body + b" "), (old, body), ([], body), (headers + headers, body)]:
    fails(SignatureError, lambda: verify(wrong_headers, wrong_body, secrets=[secret]), "a request that is not Relay's")
verify({n: v for n, v in headers if n.lower() != "x-relay-signature"}, body, secrets=[secret])


# An explanation, a failure, a retry.
def explained() -> Optional[bool]:
    return relay.explain_event("py-1", webhook_id=webhook["id"])[0]["verdict"] == "delivered" or None


def failure() -> Optional[types.Delivery]:
    deliveries = relay.list_event_deliveries("py-refused")
    return next((d for d in deliveries if d["webhookId"] == webhook["id"] and d["state"] == "failed"), None)


until("the explanation", explained)
refusing = True
relay.publish({"id": "py-refused", "type": "py.paid", "data": {"amount": 1}})
failed = until("the failed delivery", failure)
refusing = False
relay.retry_delivery(failed["id"])
until("the retried delivery", lambda: relay.get_delivery(failed["id"])["state"] == "delivered" or None)

# Changes, with None and members that are left out.
changed = relay.update_webhook(webhook["id"], {"description": "changed", "retry": None})
check(changed["description"] == "changed" and changed["retry"].get("attempts") != 1 and changed["filter"] == webhook["filter"], changed)

# Errors.
invalid = fails(InvalidError, lambda: relay.create_webhook({"url": address, "retry": {"attempts": 99}}), "attempts")
check(invalid.status == 422 and invalid.fields[0].field == "retry.attempts" and invalid.request_id, invalid)
fails(InvalidError, lambda: relay.publish({"type": "py.paid", "data": {}}), "data that violates a strict type")
conflict = fails(ConflictError, lambda: relay.publish({"id": "py-1", "type": "py.paid", "data": {"amount": 1}}), "another body")
check(conflict.kind == "conflict", conflict.kind)
fails(NotFoundError, lambda: relay.get_event("py-nothing"), "no such event")
fails(UnauthorizedError, lambda: Relay(url, "rk_wrong_key_of_some_length").list_jobs(), "a wrong key")
fails(ConnectionError, lambda: Relay("http://127.0.0.1:1", key, retries=0).list_jobs(), "no server")
fails(ValueError, lambda: relay.get_event(".."), "a path in place of an id")
fails(ValueError, lambda: relay.publish({"type": "py.paid", "data": float("nan")}), "a number that JSON lacks")

# The end.
with relay.get_metrics() as answer:
    check(answer.content_type.startswith("text/plain") and b"relay_" in answer.read(), "an answer that is not JSON")
relay.delete_webhook(webhook["id"])
fails(NotFoundError, lambda: relay.get_webhook(webhook["id"]), "the deleted webhook")
relay.delete_event_type("py.paid")
endpoint.shutdown()
relay.close()
print(f"done {checks}")
