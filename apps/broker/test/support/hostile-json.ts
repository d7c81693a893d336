/** Yields texts on which JSON parsers have failed. Few of them are valid JSON. The seed determines the random texts. */
export function* generateHostileJson(seed: number): Generator<string | Buffer> {
  yield* [
    '',
    ' ',
    'null',
    'true',
    '0',
    '-0',
    '""',
    '[]',
    '[null]',
    '{}x',
    '{',
    '}',
    '[',
    ']',
    '{"a":1,}',
    '[1,]',
    "{'a':1}",
    '{a:1}',
    '{"a":1 /* no */}',
    '{"a"}',
    '{"a":}',
    '{:1}',
    '{"":1}',
    '{"a":NaN}',
    '{"a":Infinity}',
    '{"a":+1}',
    '{"a":01}',
    '{"a":1.}',
    '{"a":.5}',
    '{"a":1e}',
    '{"a":0x1}',
    '{"a":1e400}',
    '{"a":-1e-400}',
    '"\\u12"',
    '"\\x41"',
    '{"a":"\u0000"}',
    '{"a":"\n"}',
    '"\\ud800"',
    '"\\udfff\\ud800"',
    '{"\\ud800":1}',
    '\ufeff{}',
    '{}\u0000',
    '\u2028{}',
    '{"__proto__":{"polluted":true}}',
    '{"constructor":{"prototype":{"polluted":true}}}',
    '{"toString":1}',
    '{"__proto__":null,"expiry_minutes":5}',
    '{"expiry_minutes":5,"expiry_minutes":99999}',
    '{"expiry_minutes":1e1}',
    '{"expiry_minutes":"5"}',
    '{"expiry_minutes":[5]}',
    '{"expiry_minutes":{"valueOf":5}}',
    '{"expiry_minutes":5.5}',
    '{"expiry_minutes":9007199254740993}',
    '{"expiry_minutes":-1}',
    '{"expiry_minutes":null}',
    '{"expiry_minutes":true}',
  ];
  yield '['.repeat(16_000);
  yield `${'['.repeat(8_000)}${']'.repeat(8_000)}`;
  yield '{"a":'.repeat(3_000);
  yield `{${Array.from({ length: 1_000 }, (_, index) => `"key${index}":0`).join()}}`;
  yield `{"a":${'9'.repeat(16_000)}}`;
  yield `"${'\\u0041'.repeat(2_600)}"`;
  yield Buffer.from([0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d]);
  yield Buffer.from('{"a":1}', 'utf16le');
  yield Buffer.from([0xef, 0xbb, 0xbf, 0x7b, 0x7d]);
  yield Buffer.from([0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d]);

  // Each of the other texts is a valid body with one to four random changes.
  const valid = '{"expiry_minutes": 5, "nested": [{"deep": [1, -2.5e3, null, true, "t\\u0065xt"]}]}';
  const pieces = [
    '{',
    '}',
    '[',
    ']',
    '"',
    ':',
    ',',
    '\\',
    '\\u',
    'e',
    '-',
    '.',
    '0',
    ' ',
    '\t',
    '\u0000',
    '\u007f',
    'é',
    '😀',
  ];
  const random = createRandom(seed);
  const pick = (length: number) => Math.floor(random() * length);
  for (let count = 0; count < 200; count += 1) {
    let text = valid;
    for (let change = 0; change <= pick(4); change += 1) {
      const at = pick(text.length);
      text = text.slice(0, at) + (pieces[pick(pieces.length)] ?? '') + text.slice(at + pick(3));
    }
    yield text;
  }
}

/** Returns a function that returns pseudorandom numbers, the same for the same seed (mulberry32). */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
