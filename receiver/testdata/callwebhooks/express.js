const crypto = require("crypto");
const express = require("express");
const app = express();
// IMPORTANT: capture the raw body for HMAC verification
app.use("/relay-hook", express.raw({ type: "application/json" }));
app.post("/relay-hook", (req, res) => {
  const timestamp = req.header("X-Relay-Timestamp");
  const signature = req.header("X-Relay-Signature");
  const rawBody = req.body; // Buffer
  if (!verify(rawBody, timestamp, signature, process.env.RELAY_WEBHOOK_SECRET)) {
    return res.status(401).send("bad signature");
  }
  if (Math.abs(Date.now() / 1000 - Number(timestamp)) > 300) {
    return res.status(401).send("stale timestamp");
  }
  const payload = JSON.parse(rawBody.toString("utf8"));
  // ...do your thing...
  res.status(200).send("ok");
});
function verify(rawBody, timestamp, sigHeader, secret) {
  const expected = crypto
    .createHmac("sha256", secret)
    .update(`${timestamp}.${rawBody}`)
    .digest("hex");
  const provided = sigHeader.replace(/^sha256=/, "");
  return crypto.timingSafeEqual(
    Buffer.from(expected, "hex"),
    Buffer.from(provided, "hex"),
  );
}
