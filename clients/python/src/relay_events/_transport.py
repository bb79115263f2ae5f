"""Calls over HTTP: connections, repetition, problems."""

from __future__ import annotations

import datetime
import email.utils
import http.client
import json
import random
import select
import ssl
import threading
import time
import urllib.parse
import uuid
from typing import Any, Callable, Dict, Generic, Iterator, List, Optional, TypeVar, Union

from ._errors import ConnectionError, ProblemError
from ._problems import PROBLEMS
from ._values import encode, text

T = TypeVar("T")

#: A server that asks for a longer wait than this, in seconds, is not waited for: the caller gets the error.
_LONGEST_RETRY_AFTER = 60.0
# Waits between tries, in seconds: doubled each time, and spread so that clients do not return all at once.
_FIRST_WAIT = 0.5
_LONGEST_WAIT = 8.0
#: Connections that are kept for the next calls, and how long, in seconds; the server keeps them for longer.
_MAX_IDLE = 8
_IDLE_TIME = 30.0
_USER_AGENT = "relay-python"


def segment(value: Union[str, int]) -> str:
    """Escapes a part of a path."""
    part = str(value)
    # Programs in between may resolve these, and another operation would be called.
    if part in ("", ".", ".."):
        raise ValueError(f"an id must not be {part!r}")
    return urllib.parse.quote(part, safe="")


class Page(Generic[T]):
    """One page of a list."""

    def __init__(self, document: Dict[str, Any]) -> None:
        self.data: List[T] = document["data"]
        #: Gets the next page; None: this is the last one.
        self.next_cursor: Optional[str] = document.get("nextCursor") or None
        #: How far back a list of events, attempts or deliveries with a next page was searched.
        self.searched_to: Optional[str] = document.get("searchedTo")


class Answer:
    """An answer that is not JSON. Use it in a with statement, or close it."""

    def __init__(self, pool: _Pool, connection: http.client.HTTPConnection, response: http.client.HTTPResponse) -> None:
        self._pool, self._connection, self._response = pool, connection, response
        self.status = response.status
        self.content_type = response.getheader("Content-Type") or ""

    def read(self, size: int = -1) -> bytes:
        """Returns up to that many bytes, all that are left for a negative size, none at the end."""
        try:
            return self._response.read() if size < 0 else self._response.read(size)
        except (OSError, http.client.HTTPException) as error:
            raise ConnectionError(f"reading the answer: {error}") from error

    def __iter__(self) -> Iterator[bytes]:
        while block := self.read(1 << 16):
            yield block

    def close(self) -> None:
        if self._response.isclosed():
            self._pool.put(self._connection)
        else:
            self._connection.close()

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class _Pool:
    """Idle connections to one server. Safe for use by several threads."""

    def __init__(self, make: Callable[[], http.client.HTTPConnection]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._idle: List[tuple[float, http.client.HTTPConnection]] = []

    def get(self) -> http.client.HTTPConnection:
        while True:
            with self._lock:
                if not self._idle:
                    break
                since, connection = self._idle.pop()
            if time.monotonic() - since < _IDLE_TIME and not _readable(connection):
                return connection
            connection.close()
        return self._make()

    def put(self, connection: http.client.HTTPConnection) -> None:
        if connection.sock is None:  # the server has closed it
            return
        with self._lock:
            if len(self._idle) < _MAX_IDLE:
                self._idle.append((time.monotonic(), connection))
                return
        connection.close()

    def close(self) -> None:
        with self._lock:
            idle, self._idle = self._idle, []
        for _, connection in idle:
            connection.close()


def _readable(connection: http.client.HTTPConnection) -> bool:
    """Reports whether an idle connection has something to read: its end, as a rule."""
    try:
        poll = getattr(select, "poll", None)
        if poll is None:
            return bool(select.select([connection.sock], [], [], 0)[0])
        waiting = poll()
        waiting.register(connection.sock, select.POLLIN)
        return bool(waiting.poll(0))
    except (OSError, ValueError):
        return True


class Transport:
    """Makes calls. Safe for use by several threads."""

    def __init__(
        self,
        url: str,
        key: Optional[str] = None,
        *,
        tenant: Optional[str] = None,
        retries: int = 2,
        timeout: float = 30.0,
        ssl_context: Optional[ssl.SSLContext] = None,
        connect: Optional[Callable[[], http.client.HTTPConnection]] = None,
    ) -> None:
        """Names the server, and on whose behalf it is called.

        url is the server's address, as "https://relay.example.com"; key an API key; tenant the tenant that a platform key
        acts for. A call that can be repeated safely is repeated so many times; timeout bounds each wait for the server, in
        seconds. ssl_context replaces the default context, and connect makes the connections instead, through a proxy for
        example.
        """
        parts = urllib.parse.urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
            raise ValueError("url must be as https://relay.example.com")
        self.url = url.rstrip("/")
        self._path = parts.path.rstrip("/")
        self._headers = {"User-Agent": _USER_AGENT}
        if key:
            self._headers["Authorization"] = f"Bearer {key}"
        if tenant:
            self._headers["Relay-Tenant"] = tenant
        self._retries = retries
        host, port = parts.hostname, parts.port

        def plain() -> http.client.HTTPConnection:
            return http.client.HTTPConnection(host, port, timeout=timeout)

        def tls() -> http.client.HTTPConnection:
            return http.client.HTTPSConnection(host, port, timeout=timeout, context=ssl_context or ssl.create_default_context())

        self._pool = _Pool(connect or (tls if parts.scheme == "https" else plain))

    def close(self) -> None:
        """Closes the connections that no call uses."""
        self._pool.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        query: Optional[Dict[str, Any]] = None,
        body: Any = None,
        idempotency_key: Optional[str] = None,
    ) -> Any:
        """Makes a call that has no method here, and returns the decoded answer, None if it has none.

        The path is escaped and begins with a slash.
        """
        content = self._read(method, path, query=query, body=body, idempotency_key=idempotency_key)
        return json.loads(content) if content else None

    def _json(self, method: str, path: str, **call: Any) -> Any:
        content = self._read(method, path, **call)
        try:
            return json.loads(content)
        except ValueError as error:
            raise ConnectionError(f"reading the answer of {method} {path}: {error}") from error

    def _list(self, method: str, path: str, **call: Any) -> Any:
        return self._json(method, path, **call)["data"]

    def _page(self, method: str, path: str, **call: Any) -> Page[Any]:
        return Page(self._json(method, path, **call))

    def _nothing(self, method: str, path: str, **call: Any) -> None:
        self._read(method, path, **call)

    def _open(self, method: str, path: str, **call: Any) -> Answer:
        """Makes a call whose answer the caller reads."""
        return self._call(method, path, lambda answer: answer, **call)

    def _read(self, method: str, path: str, **call: Any) -> bytes:
        """Makes a call and reads its answer; an answer that breaks off counts as none."""

        def take(answer: Answer) -> bytes:
            with answer:
                return answer.read()

        return self._call(method, path, take, **call)

    def _entries(self, page: Callable[[Optional[str]], Page[T]], cursor: Optional[str]) -> Iterator[T]:
        """The entries of the pages from a cursor on; a page is asked for when it is needed."""
        while True:
            current = page(cursor)
            yield from current.data
            if current.next_cursor is None:
                return
            cursor = current.next_cursor

    def _call(
        self,
        method: str,
        path: str,
        take: Callable[[Answer], T],
        *,
        query: Optional[Dict[str, Any]] = None,
        body: Any = None,
        raw: Union[str, bytes, None] = None,
        content_type: str = "application/json",
        once: bool = False,
        repeatable: Optional[bool] = None,
        idempotency_key: Optional[str] = None,
    ) -> T:
        headers = dict(self._headers)
        if once and idempotency_key is None and not repeatable and self._retries > 0:
            idempotency_key = str(uuid.uuid4())
        if idempotency_key is not None:
            headers["Idempotency-Key"] = idempotency_key
        if repeatable is None:
            repeatable = method == "GET" or idempotency_key is not None
        content: Optional[bytes] = None
        if raw is not None:
            content = raw.encode() if isinstance(raw, str) else raw
        elif body is not None:
            content = encode(body)
        if content is not None:
            headers["Content-Type"] = content_type
        target = self._path + path + _query_string(query)
        tries = 0
        while True:
            wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2**tries) * random.uniform(0.5, 1)
            try:
                return take(self._try(method, target, content, headers))
            except ProblemError as error:
                if tries >= self._retries or not _may_repeat(error, repeatable, tries):
                    raise
                if error.retry_after is not None:
                    if error.retry_after > _LONGEST_RETRY_AFTER:
                        raise
                    wait = max(wait, error.retry_after)
            except ConnectionError:
                if tries >= self._retries or not repeatable:
                    raise
            time.sleep(wait)
            tries += 1

    def _try(self, method: str, target: str, content: Optional[bytes], headers: Dict[str, str]) -> Answer:
        connection = self._pool.get()
        try:
            connection.request(method, target, body=content, headers=headers)
            response = connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            raise ConnectionError(f"calling Relay: {error or type(error).__name__}") from error
        except BaseException:
            connection.close()
            raise
        answer = Answer(self._pool, connection, response)
        if 200 <= response.status < 300:
            return answer
        with answer:
            raise new_problem(response.status, _problem(answer.read()), response.getheader("Retry-After"))


def _may_repeat(error: ProblemError, repeatable: bool, tries: int) -> bool:
    """Reports whether a refused call may be repeated: what was refused by a rate limit was not done."""
    if error.status == 429:
        return True
    if error.status in (502, 503, 504):
        return repeatable
    # The first try, of which no answer came, is still under way.
    return error.status == 409 and repeatable and tries > 0 and any(f.field == "header Idempotency-Key" for f in error.fields)


def _problem(content: bytes) -> Dict[str, Any]:
    try:
        document = json.loads(content)
    except ValueError:
        return {}  # what stands between client and server may send other things
    return document if isinstance(document, dict) and "type" in document else {}


def new_problem(status: int, problem: Dict[str, Any], retry_after: Optional[str] = None) -> ProblemError:
    """Returns the error of the problem's kind."""
    kind = str(problem.get("type") or "").replace("urn:relay:problem:", "")
    if not problem:
        problem = {"title": http.client.responses.get(status, "")}
    return (PROBLEMS.get(kind) or PROBLEMS.get(str(status)) or ProblemError)(status, problem, _seconds(retry_after))


def _seconds(retry_after: Optional[str]) -> Optional[float]:
    """Reads a Retry-After: seconds or a date (RFC 9110, 10.2.3)."""
    if not retry_after:
        return None
    if retry_after.isascii() and retry_after.isdigit():
        return float(retry_after)
    try:
        at = email.utils.parsedate_to_datetime(retry_after)
    except (TypeError, ValueError):
        return None
    if at.tzinfo is None:
        return None
    return max(0.0, (at - datetime.datetime.now(datetime.timezone.utc)).total_seconds())


def _query_string(query: Optional[Dict[str, Any]]) -> str:
    values: Dict[str, str] = {}
    for name, value in (query or {}).items():
        if value is None:
            continue
        if isinstance(value, bool):
            value = "true" if value else "false"
        elif isinstance(value, (datetime.datetime, datetime.timedelta)):
            value = text(value)
        values[name] = str(value)
    return "?" + urllib.parse.urlencode(values) if values else ""
