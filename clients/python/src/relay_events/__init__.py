"""Client of Relay, the self-hosted event relay. relay_events.receiver verifies its webhooks.

    relay = Relay("https://relay.example.com", os.environ["RELAY_KEY"])
    relay.publish({"id": order.id, "type": "order.paid", "data": {"amount": 99}})
"""

from . import types
from ._client import Relay
from ._errors import ConnectionError, ProblemError, ProblemField, RelayError, StreamError, StreamResult
from ._problems import *  # noqa: F403
from ._problems import __all__ as _problems
from ._stream import StreamReport
from ._transport import Answer, Page
from ._values import Duration, Timestamp

__all__ = [
    "Answer",
    "ConnectionError",
    "Duration",
    "Page",
    "ProblemError",
    "ProblemField",
    "Relay",
    "RelayError",
    "StreamError",
    "StreamReport",
    "StreamResult",
    "Timestamp",
    "types",
]
__all__ += _problems
