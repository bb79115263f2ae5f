// What a newcomer does, with the client of @hey-api/openapi-ts.
import assert from "node:assert/strict";

import { client } from "./hey/client.gen.js";
import { createWebhook, deleteWebhook, explainEvent, getWebhook, type OnCallCompletedWebhookPayload, publishEvents, updateWebhook } from "./hey/index.js";

client.setConfig({ baseUrl: process.env["RELAY_URL"]!, auth: process.env["RELAY_KEY"]! });

const made = await createWebhook({ body: { url: "http://127.0.0.1:19009/" } });
assert.equal(made.response?.status, 201);
assert.ok(made.data);
const { id } = made.data;

const published = await publishEvents({ body: { id: "hey-1", type: "call.completed", data: { duration: 1 } } });
assert.equal(published.response?.status, 202);

const explained = await explainEvent({ path: { id: "hey-1" }, query: { webhookId: id } });
assert.equal(explained.data?.data[0]?.webhookId, id);

const changed = await updateWebhook({ path: { id }, body: { description: "changed", format: "cloudevents" } });
assert.equal(changed.data?.description, "changed");
assert.equal(changed.data?.format, "cloudevents");

assert.equal((await deleteWebhook({ path: { id } })).response?.status, 204);
assert.equal((await getWebhook({ path: { id } })).error?.status, 404);

const seconds = (call: OnCallCompletedWebhookPayload): number => call.data.duration;
assert.equal(typeof seconds, "function");
console.log("@hey-api/openapi-ts: ok");
