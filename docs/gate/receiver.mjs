// An endpoint for the gate in mode "decide". Run: TOKEN=... PORT=9000 node receiver.mjs
import { timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const token = Buffer.from(process.env.TOKEN ?? "");
if (token.length === 0) throw new Error("set TOKEN to what the gate sends");
const verdicts = new Map(); // by delivery: a repeated attempt gets the same answer. Keep it in your database.

// Your logic: look the person up, count what they have spent ...
function decide(payload) {
  const person = payload.respondent;
  if (payload.doNotContact || !person.phoneNumber) return { decision: "reject", reason: "cannot be called" };
  return { decision: "accept", respondent: { title: person.title || "Customer" } };
}

createServer(async (request, response) => {
  const parts = [];
  for await (const part of request) parts.push(part);
  const answer = (status, value) => response.writeHead(status, { "Content-Type": "application/json" }).end(JSON.stringify(value));
  const given = Buffer.from(request.headers.apikey ?? "");
  if (given.length !== token.length || !timingSafeEqual(given, token)) return answer(401, { error: "wrong token" });
  const delivery = request.headers["x-relay-delivery"];
  try {
    if (!verdicts.has(delivery)) verdicts.set(delivery, decide(JSON.parse(Buffer.concat(parts))));
  } catch {
    return answer(400, { error: "not a respondent" });
  }
  answer(200, verdicts.get(delivery));
}).listen(Number(process.env.PORT), "127.0.0.1");
