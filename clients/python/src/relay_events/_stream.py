"""Streams of events, as requests of bounded size."""

from __future__ import annotations

import json
import time
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional

from . import types as t
from ._errors import ProblemError, StreamError, StreamResult
from ._transport import new_problem
from ._values import encode

# A request holds at most so many lines and bytes: memory is bounded, and what failed can be sent again. Once the first of
# its events has waited so long, in seconds, it goes out with those that are there.
_MAX_LINES = 1000
_MAX_BYTES = 1 << 20
_LONGEST_GATHER = 0.1


class StreamReport(NamedTuple):
    """A report on a stream while it runs: how far it is, or why some lines were refused."""

    #: The last line accounted for, or the refused one. Lines count from 1.
    line: int
    #: The last of the refused lines; the same as line unless the error is about more than one.
    last_line: int
    #: Events that this stream has stored so far.
    accepted: int
    #: Events that had been stored before.
    duplicates: int
    #: Why the line was refused; None for progress. Refused lines do not stop the others.
    error: Optional[ProblemError] = None


class _Line(NamedTuple):
    text: bytes
    has_id: bool  # sending it again stores it once


def _gather(events: Iterable[t.NewEvent]) -> Iterator[List[_Line]]:
    """The events in groups for one request each."""
    lines: List[_Line] = []
    size, due = 0, 0.0
    for event in events:
        now = time.monotonic()
        if not lines:
            due = now + _LONGEST_GATHER
        line = _Line(encode(event) + b"\n", bool(event.get("id")))
        lines.append(line)
        size += len(line.text)
        if len(lines) >= _MAX_LINES or size >= _MAX_BYTES or now >= due:
            yield lines
            lines, size = [], 0
    if lines:
        yield lines


class Stream:
    """A stream that is being published."""

    def __init__(self, send: Callable[[bytes, bool], bytes], report: Callable[[StreamReport], None], retries: int) -> None:
        self._send, self._report, self._retries = send, report, retries
        self.result = StreamResult()

    def publish(self, events: Iterable[t.NewEvent]) -> StreamResult:
        for lines in _gather(events):
            self._publish(lines)
        return self.result

    def _publish(self, lines: List[_Line]) -> None:
        """Sends lines until each is accounted for."""
        tries = 0
        while True:
            repeatable = all(line.has_id for line in lines)
            try:
                answer = _parse(self._send(b"".join(line.text for line in lines), repeatable))
            except Exception as error:
                self._refused(lines, error)
                return
            done = any(a.get("done") for a in answer)
            accounted = len(lines) if done else max([a.get("line", 0) for a in answer if "error" not in a and "done" not in a], default=0)
            late = self._account(answer, accounted)
            lines = lines[accounted:]
            if not lines:
                return
            if tries >= self._retries or not all(line.has_id for line in lines):
                raise StreamError(self.result, late) from late
            tries += 1

    def _refused(self, lines: List[_Line], error: Exception) -> None:
        result = self.result
        if result.accepted + result.duplicates == 0:
            raise error
        if not (isinstance(error, ProblemError) and error.status == 422):
            raise StreamError(result, error) from error
        # Not one of these lines could be taken.
        last = result.lines + len(lines)
        self.result = result._replace(lines=last, failed=result.failed + len(lines))
        self._report(StreamReport(result.lines + 1, last, result.accepted, result.duplicates, error))

    def _account(self, answer: List[Dict[str, Any]], accounted: int) -> Optional[ProblemError]:
        """Counts and reports the first lines of a request, and returns the last error among the others."""
        before = self.result
        late: Optional[ProblemError] = None
        for a in answer:
            line = a.get("line", 0)
            if "error" in a:
                error = new_problem(a["error"].get("status", 0), a["error"])
                if line > accounted:
                    late = error  # the line is sent again
                    continue
                last = a.get("lastLine", line)
                self.result = self.result._replace(failed=self.result.failed + last - line + 1)
                self._report(StreamReport(before.lines + line, before.lines + last, self.result.accepted, self.result.duplicates, error))
            elif a.get("done") is not False:
                self.result = self.result._replace(
                    accepted=before.accepted + a.get("accepted", 0),
                    duplicates=before.duplicates + a.get("duplicates", 0),
                    lines=before.lines + (accounted if "done" in a else line),
                )
                r = self.result
                self._report(StreamReport(r.lines, r.lines, r.accepted, r.duplicates))
        return late


def _parse(content: bytes) -> List[Dict[str, Any]]:
    """Reads the answer, whose last line may have been cut off."""
    return [json.loads(line) for line in content.split(b"\n")[:-1] if line]
