"""What calls raise."""

from __future__ import annotations

from typing import Any, Dict, List, NamedTuple, Optional

_PREFIX = "urn:relay:problem:"


class RelayError(Exception):
    """Any failure of a call."""


class ConnectionError(RelayError):
    """No answer came, or it could not be read: it is unknown whether the call was done."""


class ProblemField(NamedTuple):
    """The fault of one field of a request: "retry.attempts", "must be 1 to 50, got 0"."""

    field: str
    reason: str


class ProblemError(RelayError):
    """An answer that refuses a call: its problem document (RFC 9457). Each kind has a class of its own."""

    #: The status of the HTTP answer.
    status: int
    #: "invalid" or "not-found" for example; empty for an answer that does not come from Relay.
    kind: str
    title: str
    #: The problem in a sentence.
    detail: str
    fields: List[ProblemField]
    #: Identifies the request in the server's log.
    request_id: str
    #: When to try again, in seconds; None: the server did not say.
    retry_after: Optional[float]

    def __init__(self, status: int, problem: Dict[str, Any], retry_after: Optional[float] = None) -> None:
        kind = str(problem.get("type") or "")
        self.status = status
        self.kind = kind[len(_PREFIX) :] if kind.startswith(_PREFIX) else ""
        self.title = str(problem.get("title") or "")
        self.detail = str(problem.get("detail") or "")
        self.fields = [ProblemField(str(f.get("field")), str(f.get("reason"))) for f in problem.get("errors") or []]
        self.request_id = str(problem.get("requestId") or "")
        self.retry_after = retry_after
        parts = [self.detail or self.title or "refused"]
        parts += [f"{f.field} {f.reason}" for f in self.fields]
        request = f", request {self.request_id}" if self.request_id else ""
        super().__init__(f"{'; '.join(parts)} (status {status}{request})")


class StreamResult(NamedTuple):
    """The result of a stream of events."""

    #: Lines that the server has accounted for.
    lines: int = 0
    #: Events stored by this stream.
    accepted: int = 0
    #: Events that had been stored before.
    duplicates: int = 0
    #: Lines that were refused.
    failed: int = 0


class StreamError(RelayError):
    """A stream that ended early. Send the events after `result.lines` again."""

    result: StreamResult

    def __init__(self, result: StreamResult, cause: Optional[BaseException]) -> None:
        self.result = result
        super().__init__(f"the stream ended after {result.lines} lines: {cause or 'the answer was cut off'}")
