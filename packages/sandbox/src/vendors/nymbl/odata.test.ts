import { expect, test } from 'vitest';
import { queryRow, queryRows } from './odata.ts';
import type { EntityType, Row } from './odata-types.ts';

const rows: readonly Row[] = [
  { id: 'a', name: 'Ada', active: true },
  { id: 'b', name: "O'Brien", active: true, age: 7 },
  { id: 'c', name: 'Cid and Co', active: false, age: 30 },
];

const plain = (name: string, properties: readonly string[]): EntityType => ({
  name,
  properties: new Set(properties),
  relations: new Map(),
});
const person: EntityType = {
  ...plain('Person', ['id', 'name', 'active', 'age']),
  relations: new Map([
    [
      'Friends',
      {
        type: {
          ...plain('Friend', ['id', 'of']),
          relations: new Map([['Pets', { type: plain('Pet', ['id']), rows: () => [{ id: 'cat' }] }]]),
        },
        rows: ({ id }: Row) => [
          { id: 1, of: id },
          { id: 2, of: id },
        ],
      },
    ],
    ['Pets', { type: plain('Pet', ['id']), rows: () => [] }],
  ]),
};

const query = (text: string, from: readonly Row[] = rows) => queryRows(person, from, new URLSearchParams(text));
const ids = (text: string) => query(text).value.map(({ id }) => id);

test.each([
  ['', ['a', 'b', 'c']],
  ['$top=1', ['a']],
  ['$top=0', []],
  ['$skip=2', ['c']],
  ["$filter=active eq true and name ne 'Ada'", ['b']],
  ['$orderby=name', ['a', 'c', 'b']],
  ['$orderby=age', ['a', 'b', 'c']],
  ['$orderby=age desc', ['c', 'b', 'a']],
  ['$orderby=active desc, name desc', ['b', 'a', 'c']],
  ['$orderby=name desc&$top=1&$skip=1', ['c']],
  ['customer=own', ['a', 'b', 'c']],
])('the query "%s" returns the rows %j', (text, expected) => {
  expect(ids(text)).toEqual(expected);
});

test.each(['', '$top=100', '$top=101', '$top=5000'])('the query "%s" returns the first hundred of 150 rows', (text) => {
  const many = Array.from({ length: 150 }, (_, id) => ({ id }));
  expect(query(text, many).value).toHaveLength(100);
  expect(query('$top=99', many).value).toHaveLength(99);
});

test('$count counts the rows that match on all pages, and $select picks properties', () => {
  const result = query('$count=true&$top=1&$filter=active eq true&$select=id, name');
  expect(result).toEqual({ value: [{ id: 'a', name: 'Ada' }], count: 2 });
  expect(query('').count).toBeUndefined();
});

test('$expand applies nested options to each relation', () => {
  const [first] = query('$top=1&$select=id&$expand=Friends($filter=id ge 2;$select=id;$expand=Pets),Pets').value;
  expect(first).toEqual({ id: 'a', Friends: [{ id: 2, Pets: [{ id: 'cat' }] }], Pets: [] });
  const [ordered] = query('$expand=Friends($orderby=id desc;$top=1)').value;
  expect(ordered).toEqual({ ...rows[0], Friends: [{ id: 2, of: 'a' }] });
  const [quoted] = query("$expand=Friends($filter=of eq ';),(' or id eq 1)").value;
  expect(quoted?.['Friends']).toEqual([{ id: 1, of: 'a' }]);
  const [open] = query("$expand=Friends($filter=of eq '('),Pets").value;
  expect(open).toMatchObject({ Friends: [], Pets: [] });
});

test('for a single row, the simulated Nymbl applies $select and $expand and ignores other options', () => {
  const ada = { id: 'a', name: 'Ada' };
  const show = (text: string) => queryRow(person, ada, new URLSearchParams(text));
  expect(show('')).toEqual(ada);
  expect(show("$top=0&$filter=name eq 'Bob'&$select=name&$expand=Pets")).toEqual({ name: 'Ada', Pets: [] });
});

test.each([
  ['$filter=', 'InvalidFilter'],
  ['$top=-1', 'InvalidTop'],
  ['$skip=x', 'InvalidSkip'],
  ['$orderby=size', 'InvalidOrderBy'],
  ['$orderby=name upwards', 'InvalidOrderBy'],
  ['$orderby=name asc asc', 'InvalidOrderBy'],
  ['$select=id,size', 'InvalidSelect'],
  ['$expand=Foes', 'InvalidExpand'],
  ['$expand=constructor', 'InvalidExpand'],
  ['$expand=Friends(', 'InvalidExpand'],
  ['$expand=Friends($expand=Foes)', 'InvalidExpand'],
  ['$expand=Friends($filter=size eq 1)', 'InvalidFilter'],
  ['$expand=Friends($apply=x)', 'InvalidQueryOption'],
  ['$apply=x', 'InvalidQueryOption'],
])('the simulated Nymbl refuses the query "%s" with %s, with or without rows', (text, code) => {
  expect(() => query(text)).toThrow(expect.objectContaining({ code }));
  expect(() => query(text, [])).toThrow(expect.objectContaining({ code }));
});

test('$expand nests three levels deep and no deeper, for any number of relations', () => {
  const nest = (depth: number): string => (depth === 1 ? 'Pets' : `Friends($expand=${nest(depth - 1)})`);
  // Three levels are allowed; here they fail only because a friend has no friends.
  expect(() => query(`$expand=${nest(3)}`)).toThrow("'Friends' does not exist on type 'Friend'");
  expect(() => query(`$expand=${nest(4)}`)).toThrow('$expand may nest 3 levels deep');
  expect(() => query(`$expand=Pets,${nest(4)}`)).toThrow('$expand may nest 3 levels deep');
  expect(query('$expand=Pets,Friends,Pets,Friends,Pets').value).toHaveLength(3);
});
