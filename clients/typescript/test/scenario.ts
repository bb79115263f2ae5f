// The scenario that the clients in Go, TypeScript and Python share; internal/e2etest runs it against a live server. It prints
// "done" and the number of its checks.
import assert from "node:assert/strict";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

import {
  ConflictError,
  ConnectionError,
  InvalidError,
  type NewEvent,
  NotFoundError,
  Relay,
  type StreamReport,
  UnauthorizedError,
} from "../src/index.js";
import { SignatureError, verify } from "../src/receiver.js";

let checks = 0;
function check(condition: unknown, what: string): asserts condition {
  checks++;
  assert.ok(condition, what);
}
async function fails<E extends Error>(Class: abstract new (...args: never[]) => E, call: Promise<unknown>, what: string): Promise<E> {
  checks++;
  const error = await call.then(
    () => undefined,
    (e: unknown) => e,
  );
  assert.ok(error instanceof Class, `${what}: got ${String(error)}`);
  return error;
}
async function until<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (const end = Date.now() + 30_000; ; await new Promise((resolve) => setTimeout(resolve, 20))) {
    const found = await look();
    if (found !== undefined) return found;
    assert.ok(Date.now() < end, `${what}: not within 30 s`);
  }
}

const url = process.env["RELAY_URL"] ?? "";
const key = process.env["RELAY_KEY"] ?? "";
const relay = new Relay({ url, key });

// The endpoint, which refuses events until it is told to take them.
let refusing = false;
const received: { headers: IncomingHttpHeaders; body: Buffer }[] = [];
const endpoint = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on("data", (part: Buffer) => parts.push(part));
  request.on("end", () => {
    if (!refusing) received.push({ headers: request.headers, body: Buffer.concat(parts) });
    response.writeHead(refusing ? 500 : 204).end();
  });
});
await new Promise<void>((resolve) => endpoint.listen(0, "127.0.0.1", resolve));
const address = `http://127.0.0.1:${(endpoint.address() as AddressInfo).port}/hook?a=1`;

// An event type and a webhook.
const schema = { type: "object", required: ["amount"], properties: { amount: { type: "number" } } };
const type = await relay.createEventType({ name: "ts.paid", description: "paid", schema, validation: "strict" });
check(type.name === "ts.paid" && type.validation === "strict", "the event type");
const webhook = await relay.createWebhook({
  url: address,
  events: ["ts.*"],
  signature: "relay+standard",
  filter: "event.type != 'ts.bulk'",
  retry: { attempts: 1 },
  description: "scenario",
});
check(webhook.secret?.startsWith("whsec_") && webhook.events[0] === "ts.*" && webhook.retry.attempts === 1, "the webhook");
const again = { idempotencyKey: "ts-webhook" };
const twice = { url: address, events: ["ts.never"] };
check((await relay.createWebhook(twice, again)).id === (await relay.createWebhook(twice, again)).id, "one webhook for one key");

// Publishing: one, many, a stream.
const first = await relay.publish({ id: "ts-1", type: "ts.paid", data: { amount: 7 }, timestamp: new Date("2026-05-05T14:23:00.123Z") });
check(first.id === "ts-1" && !first.duplicate && first.timestamp === "2026-05-05T14:23:00.123Z", "the published event");
check((await relay.publish({ id: "ts-1", type: "ts.paid", data: { amount: 7 }, timestamp: "2026-05-05T14:23:00.123Z" })).duplicate, "a duplicate");
const once = { idempotencyKey: "ts-once" };
const keyed = await relay.publish({ type: "ts.paid", data: { amount: 8 } }, once);
check((await relay.publish({ type: "ts.paid", data: { amount: 8 } }, once)).id === keyed.id, "one event for one key");
const many = await relay.publishMany([
  { id: "ts-2", type: "ts.paid", data: { amount: 9 } },
  { id: "ts-1", type: "ts.paid", data: { amount: 7 }, timestamp: "2026-05-05T14:23:00.123Z" },
]);
check(many.accepted === 1 && many.duplicates === 1 && many.events[0]?.id === "ts-2", "the published batch");
async function* lines(): AsyncGenerator<NewEvent> {
  for (let n = 1; n <= 1500; n++) yield { id: `ts-line-${n}`, type: n === 1200 ? "not a type" : "ts.bulk", data: { n } };
}
const reports: StreamReport[] = [];
const result = await relay.publishStream(lines(), { onReport: (report) => reports.push(report) });
assert.deepEqual(result, { lines: 1500, accepted: 1499, duplicates: 0, failed: 1 });
const bad = reports.filter((report) => report.error);
check(bad.length === 1 && bad[0]?.line === 1200 && bad[0].error instanceof InvalidError, "the refused line");
check((await relay.publishStream([{ id: "ts-line-1", type: "ts.bulk", data: { n: 1 } }])).duplicates === 1, "a line sent again");
await fails(InvalidError, relay.publishStream([{ type: "", data: 1 }]), "a stream of nothing usable");

// Lists.
let seen = 0;
for await (const event of relay.listEvents({ type: "ts.bulk", limit: 250, since: new Date(Date.now() - 3_600_000) })) {
  if (event.type === "ts.bulk") seen++;
}
check(seen === 1499, `an iterator over all pages: ${seen}`);
const page = await relay.listEventsPage({ type: "ts.bulk", limit: 10 });
check(page.data.length === 10 && page.nextCursor !== null && page.data[0]?.type === "ts.bulk", "a page");
check(Array.isArray(await relay.listJobs()), "a list without pages");

// A delivery, verified.
const delivered = await until("the delivery", () => received.find((r) => r.body.includes('"amount":7')));
verify(delivered.headers, delivered.body, { secrets: [webhook.secret ?? ""] });
for (const [headers, body] of [
  [delivered.headers, Buffer.concat([delivered.body, Buffer.from(" ")])],
  [{ ...delivered.headers, "x-relay-timestamp": "1", "webhook-timestamp": "1" }, delivered.body],
  [{}, delivered.body],
] as const) {
  checks++;
  assert.throws(() => verify(headers, body, { secrets: [webhook.secret ?? ""] }), SignatureError);
}
const { "x-relay-signature": _, ...standardOnly } = delivered.headers;
verify(standardOnly, delivered.body, { secrets: [webhook.secret ?? ""] });

// An explanation, a failure, a retry.
await until("the explanation", async () => {
  const verdicts = await relay.explainEvent("ts-1", { webhookId: webhook.id });
  return verdicts[0]?.verdict === "delivered" ? true : undefined;
});
refusing = true;
await relay.publish({ id: "ts-refused", type: "ts.paid", data: { amount: 1 } });
const failed = await until("the failed delivery", async () =>
  (await relay.listEventDeliveries("ts-refused")).find((d) => d.webhookId === webhook.id && d.state === "failed"),
);
refusing = false;
await relay.retryDelivery(failed.id);
await until("the retried delivery", async () => ((await relay.getDelivery(failed.id)).state === "delivered" ? true : undefined));

// Changes, with null and members that are left out.
const changed = await relay.updateWebhook(webhook.id, { description: "changed", retry: null });
check(changed.description === "changed" && changed.retry.attempts !== 1 && changed.filter === webhook.filter, "the changed webhook");

// Errors.
const invalid = await fails(InvalidError, relay.createWebhook({ url: address, retry: { attempts: 99 } }), "attempts");
check(invalid.status === 422 && invalid.fields[0]?.field === "retry.attempts" && invalid.requestId !== "", String(invalid));
await fails(InvalidError, relay.publish({ type: "ts.paid", data: {} }), "data that violates a strict type");
const conflict = await fails(ConflictError, relay.publish({ id: "ts-1", type: "ts.paid", data: { amount: 1 } }), "another body");
check(conflict.kind === "conflict", conflict.kind);
await fails(NotFoundError, relay.getEvent("ts-nothing"), "no such event");
await fails(UnauthorizedError, new Relay({ url, key: "rk_wrong_key_of_some_length" }).listJobs(), "a wrong key");
await fails(ConnectionError, new Relay({ url: "http://127.0.0.1:1", key, retries: 0 }).listJobs(), "no server");
checks++;
assert.throws(() => relay.getEvent(".."), TypeError);

// The end.
await relay.deleteWebhook(webhook.id);
await fails(NotFoundError, relay.getWebhook(webhook.id), "the deleted webhook");
await relay.deleteEventType("ts.paid");
endpoint.close();
endpoint.closeAllConnections();
console.log(`done ${checks}`);
