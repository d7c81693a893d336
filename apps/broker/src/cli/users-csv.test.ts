import { expect, test } from 'vitest';
import { formatCsv, parseCsv } from './users-csv.ts';

const header = 'issuer,subject,connection,vendor_user_id';

test.each(['\n', '\r\n'])(
  'parseCsv returns each record with the line on which it ends, for lines that end with %j',
  async (end) => {
    const lines = [header, 'i,alice,c,1', `i,"a${end}b",c,2`, '', 'i,"say ""hi"", é",c,3', 'too,short'];
    const records = [
      { line: 2, fields: ['i', 'alice', 'c', '1'] },
      { line: 4, fields: ['i', `a${end}b`, 'c', '2'] },
      { line: 6, fields: ['i', 'say "hi", é', 'c', '3'] },
      { line: 7, fields: ['too', 'short'] },
    ];
    expect(await parseCsv(lines.join(end))).toEqual(records);
    expect(await parseCsv(`\ufeff${lines.join(end)}${end}`)).toEqual(records);
  },
);

test('parseCsv returns the records that formatCsv wrote', async () => {
  const fields = ['', ' ', 'a,b', '"', 'a\nb', 'a\r\nb', '=1+1', '\0', 'é', 'a\rb'];
  const rows = fields.map((field) => ['i', field, 'c', field]);
  const text = await formatCsv([header.split(','), ...rows]);
  expect((await parseCsv(text)).map((record) => record.fields)).toEqual(rows);
});

test.each([
  [`${header}\ni,"open,c,1\n`, 'the record after line 1 is not CSV'],
  [`${header}\r\ni,"a\r\nb",c,1\r\ni,a"b,c,2\r\n`, 'the record after line 3 is not CSV'],
  [`${header}\ni,"a"b,c,2\n`, 'the record after line 1 is not CSV'],
  ['"issuer', 'the record after line 0 is not CSV'],
  ['', 'the first line of the file must be'],
  [`${header},more\n`, 'the first line of the file must be'],
])('parseCsv rejects %j', async (text, message) => {
  await expect(parseCsv(text)).rejects.toThrow(message);
});
