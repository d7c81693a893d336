import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { textOf, toStored } from './rows.ts';

test('toStored returns every text as JSON escapes it, and textOf returns the text again', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(toStored(text)).toBe(JSON.stringify(text).slice(1, -1));
      expect(textOf({ column: toStored(text) }, 'column')).toBe(text);
    }),
  );
});

test.each(['', 'plain', '"', '\\', '\u0000', '\u001f', '\u007f', '\ud800', '\udfff', '\u{1f511}', "it's", '\u2028'])(
  'toStored returns %j as JSON escapes it',
  (text) => {
    expect(toStored(text)).toBe(JSON.stringify(text).slice(1, -1));
  },
);
