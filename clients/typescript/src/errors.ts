/** Any failure of a call. */
export class RelayError extends Error {
  override name = "RelayError";
}

/** No answer came, or it could not be read: it is unknown whether the call was done. `cause` says more. */
export class ConnectionError extends RelayError {
  override name = "ConnectionError";
}

/** The fault of one field of a request: "retry.attempts", "must be 1 to 50, got 0". */
export interface ProblemField {
  field: string;
  reason: string;
}

/** A problem document (RFC 9457) as Relay sends it. */
export interface Problem {
  /** "urn:relay:problem:" and the kind. */
  type?: string;
  title?: string;
  /** The problem in a sentence. */
  detail?: string;
  errors?: ProblemField[];
  /** Identifies the request in the server's log. */
  requestId?: string;
}

const kindPrefix = "urn:relay:problem:";

/** An answer that refuses a call. Each kind of problem has a class of its own, such as NotFoundError. */
export class ProblemError extends RelayError {
  override name = "ProblemError";
  /** The status of the HTTP answer. */
  readonly status: number;
  /** "invalid" or "not-found" for example; empty for an answer that does not come from Relay. */
  readonly kind: string;
  readonly title: string;
  readonly detail: string;
  readonly fields: readonly ProblemField[];
  readonly requestId: string;
  /** When to try again, in milliseconds; undefined: the server did not say. */
  readonly retryAfterMs: number | undefined;

  constructor(status: number, problem: Problem, retryAfterMs?: number) {
    super(message(status, problem));
    this.status = status;
    this.kind = problem.type?.startsWith(kindPrefix) ? problem.type.slice(kindPrefix.length) : "";
    this.title = problem.title ?? "";
    this.detail = problem.detail ?? "";
    this.fields = problem.errors ?? [];
    this.requestId = problem.requestId ?? "";
    this.retryAfterMs = retryAfterMs;
  }
}

function message(status: number, problem: Problem): string {
  const parts = [problem.detail || problem.title || `status ${status}`];
  for (const { field, reason } of problem.errors ?? []) parts.push(`${field} ${reason}`);
  const request = problem.requestId ? `, request ${problem.requestId}` : "";
  return `${parts.join("; ")} (status ${status}${request})`;
}

/** The result of a stream of events. */
export interface StreamResult {
  /** Lines that the server has accounted for. */
  lines: number;
  /** Events stored by this stream. */
  accepted: number;
  /** Events that had been stored before. */
  duplicates: number;
  /** Lines that were refused. */
  failed: number;
}

/** A stream that ended early. Send the events after `result.lines` again. */
export class StreamError extends RelayError {
  override name = "StreamError";
  readonly result: StreamResult;

  constructor(result: StreamResult, cause: unknown) {
    super(`the stream ended after ${result.lines} lines: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    this.result = result;
  }
}
