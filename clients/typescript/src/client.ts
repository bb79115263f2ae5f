import type { StreamResult } from "./errors.js";
import { Operations } from "./operations.gen.js";
import { type Line, type StreamReport, gather, publishLines } from "./stream.js";
import type { CallOptions } from "./transport.js";
import type { NewEvent, PublishedEvent, PublishedEvents } from "./types.gen.js";

/** How a stream is published. */
export interface StreamOptions extends Omit<CallOptions, "idempotencyKey"> {
  /** Is told of progress and of refused lines, in their order. */
  onReport?: ((report: StreamReport) => void) | undefined;
}

const path = "/v1/events";

/**
 * Relay calls the API of one server.
 *
 * Every operation of the API has a method with the operation's name. Publishing alone is three: publish, publishMany and
 * publishStream.
 */
export class Relay extends Operations {
  /**
   * Stores an event: once the promise is fulfilled, the event is durable and will be delivered. An event without an `id`
   * gets an Idempotency-Key, so that a repeated call stores it once either way.
   */
  publish(event: NewEvent, options: CallOptions = {}): Promise<PublishedEvent> {
    return this.json({ method: "POST", path, body: event, ...repetition([event]) }, options);
  }

  /** Stores up to 1,000 events, all or none. */
  publishMany(events: readonly NewEvent[], options: CallOptions = {}): Promise<PublishedEvents> {
    if (events.length === 0) return Promise.reject(new TypeError("publishing no events"));
    return this.json({ method: "POST", path, body: events, ...repetition(events) }, options);
  }

  /**
   * Stores any number of events, each by itself: refused ones are reported and do not stop the others. Requests whose events
   * all have an `id` are repeated after a failure. If that does not help, a StreamError tells how far the stream came, or,
   * while nothing was stored, the error is that of the call.
   */
  async publishStream(events: AsyncIterable<NewEvent> | Iterable<NewEvent>, options: StreamOptions = {}): Promise<StreamResult> {
    const result: StreamResult = { lines: 0, accepted: 0, duplicates: 0, failed: 0 };
    const send = (raw: string, repeatable: boolean) =>
      this.text({ method: "POST", path, raw, contentType: "application/x-ndjson", repeatable }, options);
    const stream = { result, send, report: options.onReport ?? (() => undefined), retries: options.retries ?? this.retries };
    let lines: Line[];
    for await (lines of gather(events)) await publishLines(stream, lines);
    return result;
  }
}

/** repetition says how a publication is made repeatable: by the ids of its events, else by an Idempotency-Key. */
function repetition(events: readonly NewEvent[]): { once: true; repeatable?: true; named?: true } {
  return events.every((event) => event.id) ? { once: true, repeatable: true, named: true } : { once: true };
}
