// Code generated from the OpenAPI document by internal/clientgen. DO NOT EDIT.

import { ProblemError } from "./errors.js";

/** Conflict: status 409. */
export class ConflictError extends ProblemError {
  override name = "ConflictError";
}

/** Not allowed: status 403. */
export class ForbiddenError extends ProblemError {
  override name = "ForbiddenError";
}

/** Internal error: status 500. */
export class InternalError extends ProblemError {
  override name = "InternalError";
}

/** Invalid request: status 422. */
export class InvalidError extends ProblemError {
  override name = "InvalidError";
}

/** Malformed request: status 400. */
export class MalformedError extends ProblemError {
  override name = "MalformedError";
}

/** Not found: status 404. */
export class NotFoundError extends ProblemError {
  override name = "NotFoundError";
}

/** Too large: status 413. */
export class TooLargeError extends ProblemError {
  override name = "TooLargeError";
}

/** Too many requests: status 429. */
export class TooManyRequestsError extends ProblemError {
  override name = "TooManyRequestsError";
}

/** Missing or invalid key: status 401. */
export class UnauthorizedError extends ProblemError {
  override name = "UnauthorizedError";
}

/** Temporarily unavailable: status 503. */
export class UnavailableError extends ProblemError {
  override name = "UnavailableError";
}

/** Unsupported content type: status 415. */
export class UnsupportedTypeError extends ProblemError {
  override name = "UnsupportedTypeError";
}

/** The class of each kind of problem, and of each status for kinds that this client does not know. */
export const problemClasses: Record<string, typeof ProblemError | undefined> = {
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
};
