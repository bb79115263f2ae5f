import { type Problem, ProblemError, RelayError, StreamError, type StreamResult } from "./errors.js";
import { newProblem } from "./transport.js";
import type { NewEvent } from "./types.gen.js";

/** A report on a stream while it runs: how far it is, or why some lines were refused. */
export interface StreamReport {
  /** The last line accounted for, or the refused one. Lines count from 1. */
  line: number;
  /** The last of the refused lines, where the error is about more than one. */
  lastLine?: number;
  /** Events that this stream has stored so far. */
  accepted: number;
  /** Events that had been stored before. */
  duplicates: number;
  /** Why the line was refused; undefined for progress. Refused lines do not stop the others. */
  error?: ProblemError;
}

/** An event of a stream as it is sent. */
export interface Line {
  text: string;
  /** It has an id, so that sending it again stores it once. */
  hasId: boolean;
}

// A request holds at most so many lines and characters: memory is bounded, and what failed can be sent again. An event that
// has waited so long, in milliseconds, goes out with those that are there.
const maxLines = 1_000;
const maxCharacters = 1 << 20;
const longestGather = 100;

/** gather returns the events in groups for one request each. */
export async function* gather(events: AsyncIterable<NewEvent> | Iterable<NewEvent>): AsyncGenerator<Line[], void, undefined> {
  const source =
    Symbol.asyncIterator in events ? events[Symbol.asyncIterator]() : (events[Symbol.iterator]() as Iterator<NewEvent>);
  let lines: Line[] = [];
  let characters = 0;
  let due = 0;
  let next: Promise<IteratorResult<NewEvent>> | undefined;
  let ended = false;
  try {
    while (!ended) {
      next ??= Promise.resolve(source.next());
      const got = lines.length === 0 ? await next : await within(next, due - Date.now());
      if (got !== undefined) {
        next = undefined;
        if (got.done) {
          ended = true;
        } else {
          if (lines.length === 0) due = Date.now() + longestGather;
          const text = JSON.stringify(got.value) + "\n";
          lines.push({ text, hasId: Boolean(got.value.id) });
          characters += text.length;
        }
      }
      if (lines.length > 0 && (ended || got === undefined || lines.length >= maxLines || characters >= maxCharacters)) {
        yield lines;
        lines = [];
        characters = 0;
      }
    }
  } finally {
    if (!ended) await source.return?.();
  }
}

/** within returns undefined if the promise is not settled in time. */
async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), Math.max(0, ms));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A line of the server's answer: progress, the fault of lines, or, with done, the summary. */
interface AnswerLine {
  line?: number;
  lastLine?: number;
  accepted?: number;
  duplicates?: number;
  failed?: number;
  error?: Problem & { status?: number };
  done?: boolean;
}

/** The parts of a stream that is being published. */
export interface Stream {
  result: StreamResult;
  report: (report: StreamReport) => void;
  retries: number;
  /** Sends lines and returns the server's answer. */
  send: (body: string, repeatable: boolean) => Promise<string>;
}

/** publishLines sends lines until each is accounted for. */
export async function publishLines(stream: Stream, lines: Line[]): Promise<void> {
  const { result } = stream;
  for (let tries = 0; ; tries++) {
    const repeatable = lines.every((line) => line.hasId);
    let answer: AnswerLine[];
    try {
      answer = parse(await stream.send(lines.map((line) => line.text).join(""), repeatable));
    } catch (error) {
      if (result.accepted + result.duplicates === 0) throw error;
      if (!(error instanceof ProblemError && error.status === 422)) throw new StreamError(result, error);
      // Not one of these lines could be taken.
      const line = result.lines + 1;
      result.lines += lines.length;
      result.failed += lines.length;
      stream.report({ line, lastLine: result.lines, accepted: result.accepted, duplicates: result.duplicates, error });
      return;
    }
    const done = answer.some((a) => a.done === true);
    const accounted = done ? lines.length : Math.max(0, ...answer.map((a) => (a.error === undefined ? (a.line ?? 0) : 0)));
    const last = account(stream, answer, accounted);
    lines = lines.slice(accounted);
    if (lines.length === 0) return;
    if (tries >= stream.retries || !lines.every((line) => line.hasId))
      throw new StreamError(result, last ?? new RelayError("the answer was cut off"));
  }
}

/** account counts and reports the first lines of a request, and returns the last error among the others. */
function account(stream: Stream, answer: AnswerLine[], accounted: number): ProblemError | undefined {
  const { result } = stream;
  const before = { ...result };
  let late: ProblemError | undefined;
  for (const a of answer) {
    const line = a.line ?? 0;
    if (a.error !== undefined) {
      const error = newProblem(a.error.status ?? 0, a.error);
      if (line > accounted) {
        late = error; // the line is sent again
        continue;
      }
      const lastLine = a.lastLine ?? line;
      result.failed += lastLine - line + 1;
      const report = { line: before.lines + line, accepted: result.accepted, duplicates: result.duplicates, error };
      stream.report(lastLine === line ? report : { ...report, lastLine: before.lines + lastLine });
    } else if (a.done !== false) {
      result.accepted = before.accepted + (a.accepted ?? 0);
      result.duplicates = before.duplicates + (a.duplicates ?? 0);
      result.lines = before.lines + (a.done ? accounted : line);
      stream.report({ line: result.lines, accepted: result.accepted, duplicates: result.duplicates });
    }
  }
  return late;
}

/** parse reads the answer, whose last line may have been cut off. */
function parse(text: string): AnswerLine[] {
  const lines = text.split("\n");
  lines.pop();
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as AnswerLine);
}
