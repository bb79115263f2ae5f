"""Values of requests and how JSON carries them."""

from __future__ import annotations

import datetime
import json
from typing import Any, Union

#: A moment in requests: a datetime with a time zone, or RFC 3339 text. Answers have the text.
Timestamp = Union[str, datetime.datetime]

#: A length of time in requests: a timedelta, or text such as "250ms", "10s" and "24h". Answers have the text.
Duration = Union[str, datetime.timedelta]


def text(value: Union[datetime.datetime, datetime.timedelta]) -> str:
    """Returns a moment or a length of time as the API reads it."""
    if isinstance(value, datetime.timedelta):
        return f"{value // datetime.timedelta(microseconds=1)}us"
    if value.tzinfo is None:
        raise ValueError(f"{value!r} has no time zone")
    moment = value.astimezone(datetime.timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03}Z"


def _default(value: Any) -> Any:
    if isinstance(value, (datetime.datetime, datetime.timedelta)):
        return text(value)
    raise TypeError(f"{type(value).__name__} cannot be sent as JSON")


def encode(value: Any) -> bytes:
    """Returns a value as JSON. Not-a-number and infinity are errors, because JSON has neither."""
    return json.dumps(value, default=_default, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
