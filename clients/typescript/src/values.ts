/** A moment in requests: a Date, or RFC 3339 as "2026-05-05T14:23:00.000Z". Answers have the text. */
export type Timestamp = string | Date;

/** A length of time: "250ms", "10s", "24h". */
export type Duration = string;

/** An enumeration that a newer server may extend: its known values, and any other text. */
export type Open<Known extends string> = Known | (string & {});
