// Receivers with the libraries that others use: standardwebhooks and svix verify what arrives, cloudevents reads it and
// publishes. Single events, both signatures, CloudEvents in each mode, a batch, tampered bodies, and a rotation with overlap.
import assert from "node:assert/strict";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

import { CloudEvent, HTTP } from "cloudevents";
import createClient from "openapi-fetch";
import { Webhook as Standard } from "standardwebhooks";
import { Webhook as Svix } from "svix";

import type { paths } from "./schema.js";

const base = process.env["RELAY_URL"]!;
const Authorization = `Bearer ${process.env["RELAY_KEY"]!}`;
const relay = createClient<paths>({ baseUrl: base, headers: { Authorization } });

type Arrived = { path: string; headers: IncomingHttpHeaders; body: string };
const arrived: Arrived[] = [];
const server = createServer((request, response) => {
  const parts: Buffer[] = [];
  request.on("data", (part: Buffer) => parts.push(part));
  request.on("end", () => {
    arrived.push({ path: request.url ?? "", headers: request.headers, body: Buffer.concat(parts).toString() });
    response.writeHead(204).end();
  });
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

async function arrival(path: string, text: string): Promise<Arrived> {
  for (const end = Date.now() + 30_000; Date.now() < end; await new Promise((resolve) => setTimeout(resolve, 20))) {
    const found = arrived.find((a) => a.path === path && a.body.includes(text));
    if (found) return found;
  }
  throw new Error(`nothing with ${text} arrived at ${path} within 30 s`);
}
type Settings = Omit<paths["/v1/webhooks"]["post"]["requestBody"]["content"]["application/json"], "url" | "events">;
async function webhook(path: string, settings: Settings): Promise<{ id: string; secret: string }> {
  const made = await relay.POST("/v1/webhooks", { body: { url: address + path, events: ["receive.*"], ...settings } });
  assert.ok(made.data?.secret, `${path}: ${JSON.stringify(made.error)}`);
  return { id: made.data.id, secret: made.data.secret };
}
async function publish(mark: string): Promise<void> {
  const { response } = await relay.POST("/v1/events", { body: { type: "receive.tried", data: { mark, amount: 1.5 } } });
  assert.equal(response.status, 202);
}
function verified(secret: string, a: Arrived, what: string): void {
  const headers = a.headers as Record<string, string>;
  for (const library of [new Standard(secret), new Svix(secret)]) {
    assert.doesNotThrow(() => library.verify(a.body, headers), what);
    assert.throws(() => library.verify(a.body.replace("1.5", "2.5"), headers), /signature/i, `${what}: tampered`);
    assert.throws(() => library.verify(a.body, { ...headers, "webhook-timestamp": "1" }), `${what}: old`);
  }
}

const single = await webhook("/single", { signature: "standard" });
const both = await webhook("/both", { signature: "relay+standard" });
const structured = await webhook("/structured", { signature: "standard", format: "cloudevents" });
const binary = await webhook("/binary", { signature: "standard", format: "cloudevents-binary" });
const batch = await webhook("/batch", { signature: "standard", format: "cloudevents", batch: { maxEvents: 2, maxWait: "1s" } });

await publish("one");
for (const [path, hook] of [["/single", single], ["/both", both], ["/structured", structured], ["/binary", binary], ["/batch", batch]] as const) {
  verified(hook.secret, await arrival(path, '"one"'), path);
}
assert.ok((await arrival("/both", '"one"')).headers["x-relay-signature"]);

// What arrives is a CloudEvent to its own library.
for (const path of ["/structured", "/binary", "/batch"]) {
  const { headers, body } = await arrival(path, '"one"');
  const got = HTTP.toEvent<{ mark: string }>({ headers, body });
  for (const event of Array.isArray(got) ? got : [got]) {
    assert.ok((event as CloudEvent).validate(), path);
    assert.equal(event.type, "receive.tried");
    assert.equal((event as CloudEvent<{ mark: string }>).data?.mark, "one");
  }
}

// And what its library sends is taken, and arrives as the same event.
async function send(headers: Record<string, unknown>, body: unknown): Promise<void> {
  const response = await fetch(`${base}/v1/events`, { method: "POST", headers: { ...(headers as Record<string, string>), Authorization }, body: body as string });
  assert.equal(response.status, 202, await response.text());
}
const event = (id: string) => new CloudEvent({ id, source: "/receive", type: "receive.sent", time: "2026-05-05T14:23:00.000Z", subject: "s", data: { mark: id, n: 1 } });
const [first, second, third, fourth] = [event("ce-structured"), event("ce-binary"), event("ce-batch-1"), event("ce-batch-2")];
const asStructured = HTTP.structured(first!);
await send(asStructured.headers, asStructured.body);
const asBinary = HTTP.binary(second!);
await send(asBinary.headers, asBinary.body);
await send({ "content-type": "application/cloudevents-batch+json" }, JSON.stringify([third, fourth]));
for (const sent of [first!, second!, third!, fourth!]) {
  const { headers, body } = await arrival("/structured", `"${sent.id}"`);
  const got = HTTP.toEvent<unknown>({ headers, body }) as CloudEvent;
  for (const name of ["id", "source", "type", "time", "subject", "data"] as const) assert.deepEqual(got[name], sent[name], `${sent.id}: ${name}`);
}

// After a rotation both secrets verify, until the overlap ends.
const rotated = await relay.POST("/v1/webhooks/{id}/rotate-secret", { params: { path: { id: single.id } }, body: { overlap: "1h" } });
assert.ok(rotated.data?.secret);
await publish("rotated");
const overlap = await arrival("/single", '"rotated"');
verified(single.secret, overlap, "the old secret");
verified(rotated.data.secret, overlap, "the new secret");

for (const hook of [single, both, structured, binary, batch]) {
  assert.equal((await relay.DELETE("/v1/webhooks/{id}", { params: { path: { id: hook.id } } })).response.status, 204);
}
server.close();
console.log("standardwebhooks, svix and cloudevents: ok");
