"""The client with publishing."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, Optional, Sequence

from . import types as t
from ._errors import StreamResult
from ._operations import Operations
from ._stream import Stream, StreamReport

_PATH = "/v1/events"


class Relay(Operations):
    """Calls the API of one server. Safe for use by several threads.

    Every operation of the API has a method with the operation's name. Publishing alone is three: publish, publish_many and
    publish_stream.
    """

    def publish(self, event: t.NewEvent, *, idempotency_key: Optional[str] = None) -> t.PublishedEvent:
        """Stores an event: when this returns, the event is durable and will be delivered.

        An event without an id gets an Idempotency-Key, so that a repeated call stores it once either way.
        """
        answer: t.PublishedEvent = self._json("POST", _PATH, body=event, **_repetition([event], idempotency_key))
        return answer

    def publish_many(self, events: Sequence[t.NewEvent], *, idempotency_key: Optional[str] = None) -> t.PublishedEvents:
        """Stores up to 1,000 events, all or none."""
        if not events:
            raise ValueError("publishing no events")
        answer: t.PublishedEvents = self._json("POST", _PATH, body=list(events), **_repetition(events, idempotency_key))
        return answer

    def publish_stream(self, events: Iterable[t.NewEvent], *, on_report: Optional[Callable[[StreamReport], None]] = None) -> StreamResult:
        """Stores any number of events, each by itself: refused ones are reported and do not stop the others.

        Requests whose events all have an id are repeated after a failure. If that does not help, a StreamError tells how far
        the stream came, or, while nothing was stored, the error is that of the call. Events go out when 1,000 are there, or 1
        MiB, or when one arrives more than 0.1 s after the first of its request.
        """

        def send(lines: bytes, repeatable: bool) -> bytes:
            return self._read("POST", _PATH, raw=lines, content_type="application/x-ndjson", repeatable=repeatable)

        return Stream(send, on_report or (lambda report: None), self._retries).publish(events)


def _repetition(events: Sequence[t.NewEvent], idempotency_key: Optional[str]) -> Dict[str, Any]:
    """How a publication is made repeatable: by the ids of its events, else by an Idempotency-Key."""
    if all(event.get("id") for event in events):
        return {"once": True, "repeatable": True, "idempotency_key": idempotency_key}
    return {"once": True, "idempotency_key": idempotency_key}
