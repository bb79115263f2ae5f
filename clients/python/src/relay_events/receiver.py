"""Verification of requests from Relay.

    verify(request.headers, body, secrets=[os.environ["RELAY_WEBHOOK_SECRET"]])
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import time
from typing import Iterable, List, Mapping, Optional, Sequence, Tuple, Union

#: Headers of a request: a mapping, or pairs if a name may occur twice.
Headers = Union[Mapping[str, str], Iterable[Tuple[str, str]]]

_MAX_SIGNATURES = 16
_MIN_SECRET_BYTES, _MAX_SECRET_BYTES = 24, 64
_TIMESTAMP = re.compile(r"[1-9][0-9]{0,11}", re.ASCII)
_ID = re.compile(r"[!-\-/-~]{1,256}", re.ASCII)


class SignatureError(Exception):
    """The request is not signed by Relay with one of the secrets, or too long ago. Answer it with 401."""


def verify(
    headers: Headers, body: Union[str, bytes], *, secrets: Sequence[str], tolerance: float = 300.0, now: Optional[float] = None
) -> None:
    """Verifies a request by X-Relay-Signature or the headers of Standard Webhooks, whichever it has.

    The body is the raw one, as it arrived. secrets are those of the webhook, "whsec_…", exactly as Relay showed them: the new
    and the old one during a rotation. tolerance is how far the timestamp may be from this machine's clock, in seconds.

    Raises SignatureError unless a signature verifies. Signatures of key pairs (v1a) are not checked, because the standard
    library has no ed25519.
    """
    if isinstance(secrets, str) or not secrets:
        raise ValueError("secrets must be a list with the webhook's secrets")
    if not tolerance > 0:
        raise ValueError("tolerance must be above 0: it is what stops replayed requests")
    keys = [_decode(secret) for secret in secrets]
    content = body.encode() if isinstance(body, str) else body
    values = _Values(headers)
    relay, standard = values.get("x-relay-signature"), values.get("webhook-signature")
    if relay is None and standard is None:
        raise SignatureError("neither X-Relay-Signature nor webhook-signature given")
    reasons: List[str] = []
    current = time.time() if now is None else now
    if relay is not None:
        try:
            _verify_relay(secrets, _timestamp(values, "x-relay-timestamp", tolerance, current), relay, content)
            return
        except SignatureError as error:
            reasons.append(str(error))
    if standard is not None:
        try:
            _verify_standard(keys, values.get("webhook-id"), _timestamp(values, "webhook-timestamp", tolerance, current), standard, content)
            return
        except SignatureError as error:
            reasons.append(str(error))
    raise SignatureError("; ".join(reasons))


def _verify_relay(secrets: Sequence[str], timestamp: str, signature: str, body: bytes) -> None:
    """X-Relay-Signature: HMAC-SHA256 over the timestamp, a full stop and the body, with the whole secret as its key."""
    for secret in secrets:
        want = "sha256=" + hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
        if _equal(want, signature):
            return
    raise SignatureError("X-Relay-Signature does not match")


def _verify_standard(keys: Sequence[bytes], message_id: Optional[str], timestamp: str, signatures: str, body: bytes) -> None:
    """Standard Webhooks 1.0.0, version "v1": HMAC-SHA256 with the decoded secret as its key."""
    # With a full stop in the id, two pairs of id and timestamp could be the same signed text.
    if message_id is None or not _ID.fullmatch(message_id):
        raise SignatureError("webhook-id is missing or malformed")
    given = signatures.split(" ")
    if len(given) > _MAX_SIGNATURES:
        raise SignatureError(f"{len(given)} signatures, at most {_MAX_SIGNATURES} are checked")
    message = f"{message_id}.{timestamp}.".encode() + body
    for key in keys:
        want = "v1," + base64.b64encode(hmac.new(key, message, hashlib.sha256).digest()).decode()
        if any(_equal(want, one) for one in given):
            return
    raise SignatureError("webhook-signature does not match")


class _Values:
    """Headers by their lower-case names."""

    def __init__(self, headers: Headers) -> None:
        pairs = headers.items() if hasattr(headers, "items") else headers
        self._values: List[Tuple[str, str]] = [(name.lower(), value) for name, value in pairs]

    def get(self, name: str) -> Optional[str]:
        found = [value for n, value in self._values if n == name]
        if len(found) > 1:  # another program that handles the request may use the other value
            raise SignatureError(f"header {name} occurs {len(found)} times")
        return found[0] if found and found[0] else None


def _timestamp(values: _Values, name: str, tolerance: float, now: float) -> str:
    """Takes plain decimal seconds: another spelling of the same moment would be another signed text."""
    timestamp = values.get(name)
    if timestamp is None or not _TIMESTAMP.fullmatch(timestamp):
        raise SignatureError(f"{name} is missing or malformed")
    age = now - int(timestamp)
    if abs(age) > tolerance:
        which = "old" if age > 0 else "ahead of this clock"
        raise SignatureError(f"{name} is {abs(age):.0f} s {which}, tolerance is {tolerance:.0f} s")
    return timestamp


def _decode(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret[len("whsec_") :], validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if not secret.startswith("whsec_") or not _MIN_SECRET_BYTES <= len(key) <= _MAX_SECRET_BYTES:
        raise ValueError("a secret must be exactly as Relay showed it: whsec_ and base64")
    return key


def _equal(a: str, b: str) -> bool:
    return hmac.compare_digest(a.encode(), b.encode("utf-8", "surrogatepass"))
