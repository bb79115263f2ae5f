import { createHmac, createPublicKey, timingSafeEqual, verify as verifyEd25519 } from "node:crypto";

/** What a webhook's requests are verified with. */
export interface VerifyOptions {
  /** The webhook's secrets, "whsec_…", exactly as Relay showed them: the new and the old one during a rotation. */
  secrets?: readonly string[] | undefined;
  /** The ed25519 keys, "whpk_…", of webhooks that sign with a key pair. */
  publicKeys?: readonly string[] | undefined;
  /** How far a timestamp may be from this machine's clock, in seconds. Default: 300. */
  tolerance?: number | undefined;
  /** The time to compare with, in milliseconds. Default: now. */
  now?: number | undefined;
}

/** Headers of a request: those of fetch, of Node's http, or an object. */
export type RequestHeaders = Headers | Record<string, string | readonly string[] | undefined>;

/** The request is not signed by Relay with one of the secrets or keys, or too long ago. Answer it with 401. */
export class SignatureError extends Error {
  override name = "SignatureError";
}

const tolerance = 300;
const maxSignatures = 16;
const minSecretBytes = 24;
const maxSecretBytes = 64;

/**
 * Verifies a request from Relay, by X-Relay-Signature or the headers of Standard Webhooks, whichever it has. The body is the
 * raw one, as it arrived. Throws a SignatureError unless a signature verifies.
 */
export function verify(headers: RequestHeaders, body: string | Uint8Array, options: VerifyOptions): void {
  const secrets = options.secrets ?? [];
  const publicKeys = options.publicKeys ?? [];
  if (secrets.length + publicKeys.length === 0) throw new TypeError("neither secrets nor publicKeys given");
  const keys = secrets.map(decodeSecret);
  const publics = publicKeys.map(decodePublicKey);
  const get = (name: string) => header(headers, name);
  const bytes = typeof body === "string" ? Buffer.from(body, "utf8") : body;
  const relay = get("x-relay-signature");
  const standard = get("webhook-signature");
  if (relay === undefined && standard === undefined)
    throw new SignatureError("neither X-Relay-Signature nor webhook-signature given");
  const reasons: string[] = [];
  for (const check of [
    () => relay !== undefined && verifyRelay(secrets, get("x-relay-timestamp"), relay, bytes, options),
    () => standard !== undefined && verifyStandard(keys, publics, get("webhook-id"), get("webhook-timestamp"), standard, bytes, options),
  ]) {
    try {
      if (check()) return;
    } catch (error) {
      if (!(error instanceof SignatureError)) throw error;
      reasons.push(error.message);
    }
  }
  throw new SignatureError(reasons.join("; ") || "no signature verifies");
}

/** X-Relay-Signature: HMAC-SHA256 over the timestamp, a full stop and the body, with the whole secret as its key. */
function verifyRelay(
  secrets: readonly string[],
  timestamp: string | undefined,
  signature: string,
  body: Uint8Array,
  options: VerifyOptions,
): boolean {
  const time = checkTimestamp("X-Relay-Timestamp", timestamp, options);
  for (const secret of secrets) {
    const sum = createHmac("sha256", secret).update(`${time}.`).update(body).digest("hex");
    if (equal(`sha256=${sum}`, signature)) return true;
  }
  throw new SignatureError("X-Relay-Signature does not match");
}

/** Standard Webhooks 1.0.0: "v1" with the decoded secrets, "v1a" with ed25519 keys. */
function verifyStandard(
  secrets: readonly Buffer[],
  publicKeys: readonly ReturnType<typeof createPublicKey>[],
  id: string | undefined,
  timestamp: string | undefined,
  signatures: string,
  body: Uint8Array,
  options: VerifyOptions,
): boolean {
  // With a full stop in the id, two pairs of id and timestamp could be the same signed text.
  if (id === undefined || !/^[!-~]{1,256}$/.test(id) || id.includes(".")) throw new SignatureError("webhook-id is missing or malformed");
  const head = `${id}.${checkTimestamp("webhook-timestamp", timestamp, options)}.`;
  const list = signatures.split(" ");
  if (list.length > maxSignatures) throw new SignatureError(`${list.length} signatures, at most ${maxSignatures} are checked`);
  const sums = secrets.map((key) => createHmac("sha256", key).update(head).update(body).digest("base64"));
  const message = Buffer.concat([Buffer.from(head), body]);
  for (const one of list) {
    if (one.startsWith("v1,")) {
      if (sums.some((sum) => equal(sum, one.slice("v1,".length)))) return true;
    } else if (one.startsWith("v1a,")) {
      const signature = Buffer.from(one.slice("v1a,".length), "base64");
      if (signature.length === 64 && publicKeys.some((key) => verifyEd25519(null, message, key, signature))) return true;
    }
  }
  throw new SignatureError("webhook-signature does not match");
}

function header(headers: RequestHeaders, name: string): string | undefined {
  const found: string[] = [];
  if (headers instanceof Headers) {
    const value = headers.get(name);
    if (value !== null) found.push(value);
  } else {
    for (const [key, value] of Object.entries(headers)) {
      if (key.toLowerCase() !== name || value === undefined) continue;
      if (typeof value === "string") found.push(value);
      else found.push(...value);
    }
  }
  // Another program that handles the request may use the other value.
  if (found.length > 1) throw new SignatureError(`header ${name} occurs ${found.length} times`);
  return found[0] || undefined;
}

/** checkTimestamp takes plain decimal seconds: another spelling of the same moment would be another signed text. */
function checkTimestamp(name: string, timestamp: string | undefined, options: VerifyOptions): string {
  if (timestamp === undefined || !/^[1-9][0-9]{0,11}$/.test(timestamp)) throw new SignatureError(`${name} is missing or malformed`);
  const age = (options.now ?? Date.now()) / 1000 - Number(timestamp);
  const limit = options.tolerance ?? tolerance;
  if (!(limit > 0)) throw new TypeError("tolerance must be above 0: it is what stops replayed requests");
  if (Math.abs(age) > limit)
    throw new SignatureError(`${name} is ${Math.round(Math.abs(age))} s ${age > 0 ? "old" : "ahead of this clock"}, tolerance is ${limit} s`);
  return timestamp;
}

function decodeSecret(secret: string): Buffer {
  const key = decode(secret, "whsec_");
  if (key === undefined || key.length < minSecretBytes || key.length > maxSecretBytes)
    throw new TypeError("a secret must be exactly as Relay showed it: whsec_ and base64");
  return key;
}

function decodePublicKey(text: string): ReturnType<typeof createPublicKey> {
  const key = decode(text, "whpk_");
  if (key?.length !== 32) throw new TypeError("a public key must be exactly as Relay showed it: whpk_ and base64");
  return createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: key.toString("base64url") }, format: "jwk" });
}

/** decode returns the bytes of a prefix and strict base64, undefined for other texts. */
function decode(text: string, prefix: string): Buffer | undefined {
  if (!text.startsWith(prefix)) return undefined;
  const encoded = text.slice(prefix.length);
  const bytes = Buffer.from(encoded, "base64");
  return bytes.toString("base64") === encoded ? bytes : undefined;
}

function equal(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}
