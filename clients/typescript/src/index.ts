export { Relay, type StreamOptions } from "./client.js";
export { ConnectionError, type Problem, ProblemError, type ProblemField, RelayError, StreamError, type StreamResult } from "./errors.js";
export * from "./problems.gen.js";
export type { StreamReport } from "./stream.js";
export type { Call, CallOptions, Page, RelayOptions } from "./transport.js";
export type * from "./types.gen.js";
export type { Duration, Open, Timestamp } from "./values.js";
