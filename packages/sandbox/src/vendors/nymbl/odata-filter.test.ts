import { expect, test } from 'vitest';
import { parseFilter } from './odata-filter.ts';

const type = { name: 'Patient', properties: new Set(['id', 'name', 'active', 'age']), relations: new Map() };
const rows = [
  { id: 'a', name: 'Ada', active: true },
  { id: 'b', name: "O'Brien", active: true, age: 7 },
  { id: 'c', name: 'Cid and Co', active: false, age: 30 },
];
const find = (filter: string) => rows.filter(parseFilter(filter, type)).map(({ id }) => id);

test.each([
  ["name eq 'Ada'", ['a']],
  ["name eq 'ada'", []],
  ["name eq 'O''Brien'", ['b']],
  ["name eq 'Cid and Co'", ['c']],
  ["name ne 'Ada'", ['b', 'c']],
  ['active eq true', ['a', 'b']],
  ['age eq 7', ['b']],
  ['age eq 7.0', ['b']],
  ["age eq '7'", []],
  ['age gt 7', ['c']],
  ['age ge 7', ['b', 'c']],
  ['age lt 30', ['b']],
  ['age le 30', ['b', 'c']],
  ['age gt -1', ['b', 'c']],
  ["name gt 'Ada'", ['b', 'c']],
  ["name le 'Cid and Co'", ['a', 'c']],
  ['age eq null', ['a']],
  ['age ne null', ['b', 'c']],
  ['age gt null', []],
  ["contains(name,'d')", ['a', 'c']],
  ["contains(age,'7')", []],
  ["startswith(name, 'C')", ['c']],
  ["endswith(name,'n')", ['b']],
  ["not contains(name,'d')", ['b']],
  ['not (active eq true)', ['c']],
  ['not (not (active eq true))', ['a', 'b']],
  ["id eq 'a' or id eq 'b' and age eq 8", ['a']],
  ["(id eq 'a' or id eq 'b') and age eq 7", ['b']],
  ["id eq 'a' or id eq 'c' or age eq 7", ['a', 'b', 'c']],
  [Array.from({ length: 101 }, () => '(age eq 7)').join(' or '), ['b']],
  [`${'('.repeat(100)}age eq 7${')'.repeat(100)}`, ['b']],
])('the filter %s selects %j', (filter, ids) => {
  expect(find(filter)).toEqual(ids);
});

test.each([
  '',
  'name',
  'name eq',
  'name is x',
  'name eq x',
  "name eq 'x",
  "name eq 'x' and",
  "name eq 'x' name",
  "name eq 'x')",
  "(name eq 'x'",
  'name toString 1',
  'age eq 1e5',
  'age eq 007',
  'name eq (1)',
  "not name eq 'x'",
  "contains('x',name)",
  "contains(name 'x')",
  'contains(name,1)',
  "length(name,'x')",
  "constructor(name,'x')",
  "name eq 'x' & name eq 'y'",
  `${'('.repeat(101)}age eq 7${')'.repeat(101)}`,
  '('.repeat(50_000),
])('the simulated Nymbl refuses the filter %s as invalid', (filter) => {
  expect(() => parseFilter(filter, type)).toThrow(
    expect.objectContaining({ code: 'InvalidFilter', message: expect.stringContaining('not valid') }),
  );
});

test.each(["size eq 'x'", "contains(size,'x')", "constructor eq 'x'", "__proto__ eq 'x'"])(
  'the simulated Nymbl refuses the filter %s because of its property',
  (filter) => {
    expect(() => parseFilter(filter, type)).toThrow(/Property '(size|constructor|__proto__)' does not exist on type/);
  },
);
