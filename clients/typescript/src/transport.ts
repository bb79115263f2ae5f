import { randomUUID } from "node:crypto";

import { ConnectionError, type Problem, ProblemError } from "./errors.js";
import { problemClasses } from "./problems.gen.js";

/** Which server to call, and as whom. */
export interface RelayOptions {
  /** The server's address, as "https://relay.example.com". */
  url: string;
  /** An API key. Without one only the probes answer. */
  key?: string | undefined;
  /** The tenant that a platform key acts for. Left out: the key's own. */
  tenant?: string | undefined;
  /** How often a call is repeated that can be repeated safely. Default: 2. */
  retries?: number | undefined;
  /** Bounds each try of a call, in milliseconds. Default: 30,000. */
  timeoutMs?: number | undefined;
  /** Makes the requests. Default: the global fetch. */
  fetch?: typeof fetch | undefined;
}

/** How one call is made. */
export interface CallOptions {
  /**
   * Names the call: for 12 hours a call with the same key and the same arguments is not done again, but returns the first
   * answer. Left out: a random key, so that the client may repeat the call. Only for calls that create or start something.
   */
  idempotencyKey?: string | undefined;
  signal?: AbortSignal | undefined;
  retries?: number | undefined;
  timeoutMs?: number | undefined;
}

/** One page of a list. */
export interface Page<T> {
  data: T[];
  /** Gets the next page; null: this is the last one. */
  nextCursor: string | null;
  /** How far back a list of events, attempts or deliveries with a next page was searched. */
  searchedTo?: string | null;
}

/** A call of the API. */
export interface Call {
  method: string;
  /** Below the server's address, escaped. */
  path: string;
  query?: Record<string, unknown>;
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it is. */
  raw?: string | Uint8Array;
  contentType?: string;
  /** The call takes an Idempotency-Key. */
  once?: boolean;
  /** Repeating the call does nothing twice. Default: true for GET and for calls with an Idempotency-Key. */
  repeatable?: boolean;
  /** The call is repeatable by what it holds, and needs no random Idempotency-Key. */
  named?: boolean;
}

/** Reads an answer; undefined hands it out unread. */
type Reader<T> = ((response: Response) => Promise<T>) | undefined;

// Waits between tries, in milliseconds: doubled each time, and spread so that clients do not return all at once.
const firstWait = 500;
const longestWait = 8_000;
/** A server that asks for a longer wait than this is not waited for: the caller gets the error. */
const longestRetryAfter = 60_000;
/** A timer of more than 31 bits ends at once. */
const longestTimeout = 2 ** 31 - 1;

const userAgent = "relay-typescript";

/** segment escapes a part of a path. */
export function segment(value: string | number): string {
  const text = String(value);
  // The URL parser would resolve these, and another operation would be called.
  if (text === "" || text === "." || text === "..") throw new TypeError(`an id must not be ${JSON.stringify(text)}`);
  return encodeURIComponent(text);
}

/** Transport makes calls. It has no state, so that one object serves any number of calls at once. */
export class Transport {
  readonly url: string;
  readonly #headers: Record<string, string>;
  readonly #fetch: typeof fetch;
  protected readonly retries: number;
  readonly #timeoutMs: number;

  constructor(options: RelayOptions) {
    let parsed: URL;
    try {
      parsed = new URL(options.url);
    } catch {
      throw new TypeError("url must be as https://relay.example.com");
    }
    if (!/^https?:$/.test(parsed.protocol) || parsed.username || parsed.password || parsed.search || parsed.hash)
      throw new TypeError("url must be as https://relay.example.com");
    this.url = parsed.href.replace(/\/+$/, "");
    this.#headers = { "User-Agent": userAgent };
    if (options.key) this.#headers["Authorization"] = `Bearer ${options.key}`;
    if (options.tenant) this.#headers["Relay-Tenant"] = options.tenant;
    this.#fetch = options.fetch ?? globalThis.fetch;
    this.retries = options.retries ?? 2;
    this.#timeoutMs = options.timeoutMs ?? 30_000;
  }

  /**
   * Makes a call that has no method here: of a later version of Relay, or of one whose path is only known at run time.
   * Returns the decoded answer, undefined if it has none.
   */
  async request<T = unknown>(call: Call, options: CallOptions = {}): Promise<T> {
    return this.#send(call, options, async (response) => {
      const text = await response.text();
      return (text === "" ? undefined : JSON.parse(text)) as T;
    });
  }

  protected json<T>(call: Call, options: CallOptions): Promise<T> {
    return this.#send(call, options, (response) => response.json() as Promise<T>);
  }

  protected async list<T>(call: Call, options: CallOptions): Promise<T[]> {
    return (await this.json<Page<T>>(call, options)).data;
  }

  protected text(call: Call, options: CallOptions): Promise<string> {
    return this.#send(call, options, (response) => response.text());
  }

  protected nothing(call: Call, options: CallOptions): Promise<void> {
    return this.#send(call, options, async (response) => void (await response.arrayBuffer()));
  }

  /** Returns the answer with its body unread; timeoutMs bounds the wait for its beginning. */
  protected open(call: Call, options: CallOptions): Promise<Response> {
    return this.#send(call, options, undefined);
  }

  /** The entries of the pages from a cursor on; a page is asked for when it is needed. */
  protected async *entries<T>(
    page: (cursor: string | undefined) => Promise<Page<T>>,
    from: string | undefined,
  ): AsyncGenerator<T, void, undefined> {
    let cursor = from;
    for (;;) {
      const { data, nextCursor } = await page(cursor);
      yield* data;
      if (!nextCursor) return;
      cursor = nextCursor;
    }
  }

  async #send<T>(call: Call, options: CallOptions, read: Reader<T>): Promise<T> {
    const retries = options.retries ?? this.retries;
    const headers: Record<string, string> = { ...this.#headers };
    const key = options.idempotencyKey ?? (call.once && !call.named && retries > 0 ? randomUUID() : undefined);
    if (call.once && key !== undefined) headers["Idempotency-Key"] = key;
    const repeatable = call.repeatable ?? (call.method === "GET" || "Idempotency-Key" in headers);
    let body: NonNullable<RequestInit["body"]> | undefined;
    if (call.raw !== undefined) body = call.raw;
    else if (call.body !== undefined) body = JSON.stringify(call.body);
    if (body !== undefined) headers["Content-Type"] = call.contentType ?? "application/json";
    const address = this.url + call.path + queryString(call.query);

    for (let tries = 0; ; tries++) {
      let wait = Math.min(longestWait, firstWait * 2 ** tries) * (0.5 + Math.random() / 2);
      try {
        const timeoutMs = options.timeoutMs ?? this.#timeoutMs;
        return await this.#try(address, { method: call.method, headers, body: body ?? null }, timeoutMs, options.signal, read);
      } catch (error) {
        if (tries >= retries || options.signal?.aborted) throw error;
        if (error instanceof ProblemError) {
          if (!mayRepeat(error, repeatable, tries)) throw error;
          if (error.retryAfterMs !== undefined) {
            if (error.retryAfterMs > longestRetryAfter) throw error;
            wait = Math.max(error.retryAfterMs, wait);
          }
        } else if (!repeatable || !(error instanceof ConnectionError)) throw error;
      }
      await sleep(wait, options.signal);
    }
  }

  async #try<T>(
    address: string,
    init: RequestInit,
    timeoutMs: number,
    signal: AbortSignal | undefined,
    read: Reader<T>,
  ): Promise<T> {
    signal?.throwIfAborted();
    let unread = false; // the body is read later, and the caller's signal still ends it
    const limit = new AbortController();
    const stop = () => limit.abort(signal?.reason);
    signal?.addEventListener("abort", stop, { once: true });
    const timer = setTimeout(
      () => limit.abort(new DOMException(`no answer within ${timeoutMs} ms`, "TimeoutError")),
      Math.min(timeoutMs, longestTimeout),
    );
    try {
      // A redirect would carry the key and the events to another host.
      const response = await this.#fetch.call(globalThis, address, { ...init, redirect: "manual", signal: limit.signal });
      if (!response.ok) throw await problemOf(response);
      unread = read === undefined;
      return read === undefined ? (response as T) : await read(response);
    } catch (error) {
      if (error instanceof ProblemError) throw error;
      signal?.throwIfAborted();
      throw new ConnectionError(`calling Relay: ${reasonOf(error)}`, { cause: error });
    } finally {
      clearTimeout(timer);
      if (!unread) signal?.removeEventListener("abort", stop);
    }
  }
}

/** mayRepeat reports whether a refused call may be repeated: what was refused by a rate limit was not done. */
function mayRepeat(error: ProblemError, repeatable: boolean, tries: number): boolean {
  switch (error.status) {
    case 429:
      return true;
    case 502:
    case 503:
    case 504:
      return repeatable;
    case 409:
      // The first try, of which no answer came, is still under way.
      return repeatable && tries > 0 && error.fields.some((f) => f.field === "header Idempotency-Key");
  }
  return false;
}

async function problemOf(response: Response): Promise<ProblemError> {
  let problem: Problem = {};
  try {
    const document: unknown = await response.json();
    if (typeof document === "object" && document !== null && "type" in document) problem = document as Problem;
  } catch {
    // What stands between client and server may send other things.
  }
  problem.title ??= response.statusText;
  return newProblem(response.status, problem, response.headers.get("Retry-After"));
}

/** newProblem returns the error of the problem's kind. */
export function newProblem(status: number, problem: Problem, retryAfter?: string | null): ProblemError {
  const kind = problem.type?.replace(/^urn:relay:problem:/, "") ?? "";
  const Class = problemClasses[kind] ?? problemClasses[String(status)] ?? ProblemError;
  return new Class(status, problem, milliseconds(retryAfter));
}

/** milliseconds reads a Retry-After: seconds or a date (RFC 9110, 10.2.3). */
function milliseconds(retryAfter: string | null | undefined): number | undefined {
  if (!retryAfter) return undefined;
  if (/^[0-9]{1,9}$/.test(retryAfter)) return Number(retryAfter) * 1000;
  const at = Date.parse(retryAfter);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

function queryString(query: Record<string, unknown> | undefined): string {
  const values = new URLSearchParams();
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value === undefined || value === null) continue;
    values.set(name, value instanceof Date ? value.toISOString() : String(value));
  }
  const text = values.toString();
  return text === "" ? "" : `?${text}`;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  // fetch says "fetch failed", and its cause why.
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message;
}

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = () => {
      signal?.removeEventListener("abort", stop);
      resolve();
    };
    const timer = setTimeout(done, ms);
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason as Error);
    };
    signal?.addEventListener("abort", stop, { once: true });
  });
}
