// What a newcomer does, with types of openapi-typescript and the calls of openapi-fetch.
import assert from "node:assert/strict";
import createClient from "openapi-fetch";

import type { paths, webhooks } from "./schema.js";

const relay = createClient<paths>({ baseUrl: process.env["RELAY_URL"]!, headers: { Authorization: `Bearer ${process.env["RELAY_KEY"]!}` } });

const made = await relay.POST("/v1/webhooks", { body: { url: "http://127.0.0.1:19009/" } });
assert.equal(made.response.status, 201);
assert.ok(made.data);
const { id } = made.data;

const published = await relay.POST("/v1/events", { body: { id: "fetch-1", type: "call.completed", data: { duration: 1 } } });
assert.equal(published.response.status, 202);

const explained = await relay.GET("/v1/events/{id}/explain", { params: { path: { id: "fetch-1" }, query: { webhookId: id } } });
assert.equal(explained.response.status, 200);
assert.equal(explained.data?.data[0]?.webhookId, id);

const changed = await relay.PATCH("/v1/webhooks/{id}", { params: { path: { id } }, body: { description: "changed", format: "cloudevents" } });
assert.equal(changed.data?.description, "changed");
assert.equal(changed.data?.format, "cloudevents");

assert.equal((await relay.DELETE("/v1/webhooks/{id}", { params: { path: { id } } })).response.status, 204);
assert.equal((await relay.GET("/v1/webhooks/{id}", { params: { path: { id } } })).error?.status, 404);

// A receiver has types, too.
type CallCompleted = webhooks["call.completed"]["post"]["requestBody"]["content"]["application/json"];
const seconds = (call: CallCompleted): number => call.data.duration;
assert.equal(typeof seconds, "function");
console.log("openapi-typescript and openapi-fetch: ok");
