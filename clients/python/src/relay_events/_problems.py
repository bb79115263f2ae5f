# Code generated from the OpenAPI document by internal/clientgen. DO NOT EDIT.
from __future__ import annotations

from typing import Dict, Type

from ._errors import ProblemError


class ConflictError(ProblemError):
    """Conflict: status 409."""


class ForbiddenError(ProblemError):
    """Not allowed: status 403."""


class InternalError(ProblemError):
    """Internal error: status 500."""


class InvalidError(ProblemError):
    """Invalid request: status 422."""


class MalformedError(ProblemError):
    """Malformed request: status 400."""


class NotFoundError(ProblemError):
    """Not found: status 404."""


class TooLargeError(ProblemError):
    """Too large: status 413."""


class TooManyRequestsError(ProblemError):
    """Too many requests: status 429."""


class UnauthorizedError(ProblemError):
    """Missing or invalid key: status 401."""


class UnavailableError(ProblemError):
    """Temporarily unavailable: status 503."""


class UnsupportedTypeError(ProblemError):
    """Unsupported content type: status 415."""


#: The class of each kind of problem, and of each status for kinds that this client does not know.
PROBLEMS: Dict[str, Type[ProblemError]] = {
    "conflict": ConflictError,
    "409": ConflictError,
    "forbidden": ForbiddenError,
    "403": ForbiddenError,
    "internal": InternalError,
    "500": InternalError,
    "invalid": InvalidError,
    "422": InvalidError,
    "malformed": MalformedError,
    "400": MalformedError,
    "not-found": NotFoundError,
    "404": NotFoundError,
    "too-large": TooLargeError,
    "413": TooLargeError,
    "too-many-requests": TooManyRequestsError,
    "429": TooManyRequestsError,
    "unauthorized": UnauthorizedError,
    "401": UnauthorizedError,
    "unavailable": UnavailableError,
    "503": UnavailableError,
    "unsupported-type": UnsupportedTypeError,
    "415": UnsupportedTypeError,
}

__all__ = [
    "ConflictError",
    "ForbiddenError",
    "InternalError",
    "InvalidError",
    "MalformedError",
    "NotFoundError",
    "TooLargeError",
    "TooManyRequestsError",
    "UnauthorizedError",
    "UnavailableError",
    "UnsupportedTypeError",
]
