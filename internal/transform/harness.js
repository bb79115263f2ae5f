// The part of the sandbox that is ours. It runs before any script, keeps the built-ins it needs, and returns two functions:
// call(transform, input, cut, seeds…) runs a transform, describe(e) puts what was thrown into words.
//
// The input is one text, as every call into the sandbox costs some microseconds: up to cut all of the event but its data, then the data.
// A result is one text. Its first character says what it is:
//   D          drop the event
//   B, T       JSON array [headers, query, url], a line break, the body: B is JSON, T text
//   F          the same without a body: that of the webhook's format is wanted
//   R          the result cannot be used: the reason
//   E, M       something was thrown (M: out of memory): JSON array [message, stack]
(function () {
  'use strict';
  const { parse, stringify } = JSON;
  const { keys, defineProperty, getPrototypeOf, prototype: plain } = Object;
  const { isArray } = Array;
  const { apply } = Reflect;
  const { slice, toWellFormed } = String.prototype;
  const Text = String, Memory = InternalError, Later = Promise, Fail = Error;
  const maxBody = 1 << 20;

  // sfc32 of PractRand: small, fast, and seeded anew for each run, which the engine's own generator cannot be.
  let a = 0, b = 0, c = 0, d = 1;
  function random() {
    const t = (a + b | 0) + d | 0;
    d = d + 1 | 0;
    a = b ^ b >>> 9;
    b = c + (c << 3) | 0;
    c = (c << 21 | c >>> 11) + t | 0;
    return (t >>> 0) / 4294967296;
  }
  defineProperty(Math, 'random', { value: random, writable: true, configurable: true });

  delete globalThis.performance; // a second clock that stands still helps nobody

  function short(s, n) { return apply(slice, s, [0, n]); }

  function describe(e) {
    let message = 'an object without a message', stack = '', kind = 'E';
    try {
      if (e instanceof Fail) {
        if (e instanceof Memory && e.message === 'out of memory') kind = 'M';
        message = Text(e.name) + ': ' + Text(e.message);
        stack = Text(e.stack);
      } else {
        message = Text(e) || 'an empty text';
      }
    } catch (_) { }
    return kind + stringify([short(message, 1000), short(stack, 4000)]);
  }

  // texts checks an object of headers or query parameters.
  function texts(name, o) {
    if (o === undefined || o === null) return null;
    if (typeof o !== 'object' || isArray(o)) throw new Refused(name + ' must be an object of texts');
    const out = { __proto__: null };
    for (const k of keys(o)) {
      const v = o[k];
      if (v === undefined || v === null) continue;
      if (typeof v !== 'string' && typeof v !== 'number' && typeof v !== 'boolean') {
        throw new Refused(name + '[' + stringify(short(k, 100)) + '] must be a text');
      }
      out[k] = Text(v);
    }
    return out;
  }

  class Refused { constructor(reason) { this.reason = reason; } }

  function pack(out) {
    if (out === null) return 'D';
    if (out === undefined) throw new Refused('transform returned nothing; return null to drop the event');
    if (out instanceof Later) throw new Refused('transform returned a Promise; it must not be async');
    if (typeof out !== 'object' || isArray(out)) {
      throw new Refused('transform returned ' + (isArray(out) ? 'an array' : 'a ' + typeof out) + ', want an object, or null to drop the event');
    }
    for (const k of keys(out)) {
      if (k !== 'body' && k !== 'headers' && k !== 'query' && k !== 'url') {
        throw new Refused('the result has an unknown member ' + stringify(short(k, 100)) + ', want body, headers, query and url');
      }
    }
    let { body, headers, query, url } = out;
    let kind = 'T';
    if (body === undefined) {
      const proto = getPrototypeOf(out); // a generator, a Map or an Error is a mistake, not an answer
      if (proto !== plain && proto !== null) throw new Refused('the result has no body, and is not a plain object');
      kind = 'F';
      body = '';
    } else if (typeof body !== 'string') {
      kind = 'B';
      body = stringify(body);
      if (typeof body !== 'string') throw new Refused('the body cannot be written as JSON');
    }
    if (body.length > maxBody) throw new Refused('the body is longer than ' + maxBody + ' bytes');
    if (url !== undefined && url !== null && typeof url !== 'string') throw new Refused('url must be a text');
    return kind + stringify([texts('headers', headers), texts('query', query), url === undefined ? null : url]) +
      '\n' + (kind === 'T' ? apply(toWellFormed, body, []) : body); // JSON.stringify leaves no half characters
  }

  function call(transform, input, cut, s0, s1, s2) {
    a = s0; b = s1; c = s2; d = 1;
    try {
      const event = parse(apply(slice, input, [0, cut]));
      const data = apply(slice, input, [cut]);
      event.data = data === '' ? null : parse(data);
      defineProperty(event, 'rawData', { value: data, writable: true, configurable: true });
      return pack(transform(event));
    } catch (e) {
      return e instanceof Refused ? 'R' + e.reason : describe(e);
    }
  }
  return [call, describe];
})()
