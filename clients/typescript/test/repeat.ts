// How calls are repeated, with answers of a server that is written here.
import assert from "node:assert/strict";

import { ConnectionError, ProblemError, Relay, StreamError, TooManyRequestsError, UnavailableError } from "../src/index.js";

interface Sent {
  method: string;
  url: string;
  key: string | null;
  body: string;
}

/** A client whose calls get these answers, one after the other, and what it sent. */
function scripted(...answers: (Response | Error)[]): { relay: Relay; sent: Sent[] } {
  const sent: Sent[] = [];
  const relay = new Relay({
    url: "http://relay.test/base/",
    key: "k",
    fetch: async (url, init) => {
      const headers = init?.headers as Record<string, string>;
      sent.push({ method: init?.method ?? "", url: String(url), key: headers["Idempotency-Key"] ?? null, body: String(init?.body ?? "") });
      const answer = answers.shift();
      if (answer === undefined) throw new Error("more calls than answers");
      if (answer instanceof Error) throw answer;
      return answer;
    },
  });
  return { relay, sent };
}
const json = (status: number, body: unknown, headers: Record<string, string> = {}) => new Response(JSON.stringify(body), { status, headers });
const soon = { "Retry-After": "0" };
const problem = (kind: string, status: number, more: object = {}) => json(status, { type: `urn:relay:problem:${kind}`, title: kind, status, ...more }, soon);
const refusal = async (call: Promise<unknown>): Promise<unknown> => call.then(() => undefined, (e: unknown) => e);

// A GET is repeated after no answer and after 503.
let { relay, sent } = scripted(new TypeError("fetch failed"), problem("unavailable", 503), json(200, { id: "e" }));
assert.equal((await relay.getEvent("a/b")).id, "e");
assert.deepEqual(sent.map((s) => s.url), Array(3).fill("http://relay.test/base/v1/events/a%2Fb"));

// A call that creates is repeated with the same key, also while its first try is under way.
({ relay, sent } = scripted(
  new TypeError("fetch failed"),
  problem("conflict", 409, { errors: [{ field: "header Idempotency-Key", reason: "belongs to a request that is still under way" }] }),
  json(201, { id: "wh" }),
));
assert.equal((await relay.createWebhook({ url: "https://example.com" })).id, "wh");
assert.ok(sent[0]?.key && sent.every((s) => s.key === sent[0]?.key));

// Events with ids need no key, others get one.
({ relay, sent } = scripted(problem("unavailable", 503), json(202, { id: "e" }), json(202, { id: "e" })));
await relay.publish({ id: "e", type: "a.b", data: 1 });
await relay.publish({ type: "a.b", data: 1 });
assert.deepEqual(sent.map((s) => s.key !== null), [false, false, true]);

// A change is repeated only if it was refused by a rate limit, and nothing with retries: 0.
({ relay, sent } = scripted(problem("too-many-requests", 429), problem("unavailable", 503)));
assert.ok((await refusal(relay.updateWebhook("w", {}))) instanceof UnavailableError);
assert.equal(sent.length, 2);
({ relay, sent } = scripted(new TypeError("fetch failed")));
assert.ok((await refusal(relay.updateWebhook("w", {}))) instanceof ConnectionError);
({ relay, sent } = scripted(problem("too-many-requests", 429)));
assert.ok((await refusal(relay.getEvent("e", { retries: 0 }))) instanceof TooManyRequestsError);
({ relay, sent } = scripted(json(503, {}, { "Retry-After": "3600" })));
const late = await refusal(relay.getEvent("e"));
assert.ok(late instanceof UnavailableError && late.retryAfterMs === 3_600_000 && sent.length === 1);

// Answers that are not Relay's, redirects, and signals.
({ relay, sent } = scripted(new Response("<html>", { status: 418, statusText: "teapot" }), new Response(null, { status: 302 })));
const teapot = await refusal(relay.getEvent("e"));
assert.ok(teapot instanceof ProblemError && teapot.kind === "" && /teapot \(status 418\)/.test(teapot.message), String(teapot));
const moved = await refusal(relay.getEvent("e"));
assert.ok(moved instanceof ProblemError && moved.status === 302);
({ relay, sent } = scripted());
const stopped = AbortSignal.abort(new Error("stopped"));
assert.match(String(await refusal(relay.getEvent("e", { signal: stopped }))), /stopped/);
assert.equal(sent.length, 0);

// A stream goes on after the lines that are accounted for, if all of the others have ids.
const answer = (...lines: object[]) => new Response(lines.map((line) => JSON.stringify(line) + "\n").join(""), { status: 202 });
const gaveUp = { line: 3, lastLine: 4, error: { type: "urn:relay:problem:unavailable", status: 503, detail: "full" } };
const events = (ids: boolean) => [1, 2, 3, 4].map((n) => ({ ...(ids ? { id: `e${n}` } : {}), type: "a.b", data: n }));
({ relay, sent } = scripted(
  answer({ line: 1, error: { type: "urn:relay:problem:invalid", status: 422 } }, { line: 2, accepted: 1, duplicates: 0 }, gaveUp, { done: false, lines: 4, accepted: 1, duplicates: 0, failed: 3 }),
  answer({ done: true, lines: 2, accepted: 1, duplicates: 1, failed: 0 }),
));
assert.deepEqual(await relay.publishStream(events(true)), { lines: 4, accepted: 2, duplicates: 1, failed: 1 });
assert.equal(sent[1]?.body, '{"id":"e3","type":"a.b","data":3}\n{"id":"e4","type":"a.b","data":4}\n');
({ relay, sent } = scripted(answer({ line: 2, accepted: 2, duplicates: 0 }, gaveUp, { done: false, lines: 4, accepted: 2, duplicates: 0, failed: 2 })));
const ended = await refusal(relay.publishStream(events(false)));
assert.ok(ended instanceof StreamError && ended.result.lines === 2 && ended.result.accepted === 2 && /full/.test(ended.message), String(ended));
console.log("done");
