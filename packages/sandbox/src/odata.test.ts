import { expect, test } from 'vitest';
import { queryRows } from './odata.ts';

const rows = [
  { id: 'a', name: 'Ada', active: true },
  { id: 'b', name: "O'Brien", active: true, age: 7 },
  { id: 'c', name: 'Cid and Co', active: false },
];

test.each([
  ['', ['a', 'b', 'c']],
  ['$top=1', ['a']],
  ['$top=0', []],
  ['$skip=2', ['c']],
  ["$filter=active eq true and name ne 'Ada'", ['b']],
  ["$filter=name eq 'O''Brien'", ['b']],
  ["$filter=name eq 'Cid and Co'", ['c']],
  ['$filter=age eq 7', ['b']],
  ['$filter=age eq null', ['a', 'c']],
  ['customer=own', ['a', 'b', 'c']],
])('answers %s', (query, ids) => {
  expect(queryRows(rows, new URLSearchParams(query))).toMatchObject({
    value: ids.map((id) => ({ id })),
    count: undefined,
  });
});

test('counts what matches, not what is shown, and shows what is selected', () => {
  const result = queryRows(rows, new URLSearchParams('$count=true&$top=1&$filter=active eq true&$select=id, name'));
  expect(result).toEqual({ value: [{ id: 'a', name: 'Ada' }], count: 2 });
});

test.each([
  ['$filter=name is x', 'InvalidFilter'],
  ["$filter=name eq 'x", 'InvalidFilter'],
  ['$filter=', 'InvalidFilter'],
  ['$top=101', 'InvalidTop'],
  ['$top=-1', 'InvalidTop'],
  ['$skip=x', 'InvalidSkip'],
  ['$expand=a,b,c,d', 'InvalidExpand'],
  ['$apply=x', 'InvalidQueryOption'],
])('refuses %s with %s', (query, code) => {
  expect(queryRows(rows, new URLSearchParams(query))).toEqual({ code, message: expect.any(String) });
});
