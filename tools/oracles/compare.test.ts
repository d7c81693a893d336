import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fixtureSchema, type Fixture } from '../../packages/vendor-clients/src/testing/oracle-fixtures.ts';
import { root } from '../workspace.ts';
import { compareFixtures, describeDifference, type LegibleFixture } from './compare.ts';

const vendors = join(root, 'packages/vendor-clients/src/vendors');
const paths = globSync('*/fixtures/*.json', { cwd: vendors }).toSorted();

/** Returns a copy of a JSON value for each text, number or truth value in it, in which that one value is changed. */
function changeEachValue(
  value: unknown,
  field: readonly string[] = [],
): { field: readonly string[]; changed: unknown }[] {
  if (typeof value === 'string') return [{ field, changed: `${value}!` }];
  if (typeof value === 'number') return [{ field, changed: value + 1 }];
  if (typeof value === 'boolean') return [{ field, changed: !value }];
  if (Array.isArray(value)) {
    return value.flatMap((item: unknown, index) =>
      changeEachValue(item, field).map((each) => ({ ...each, changed: value.with(index, each.changed) as unknown })),
    );
  }
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, item]) =>
    changeEachValue(item, [...field, name]).map((each) => ({ ...each, changed: { ...value, [name]: each.changed } })),
  );
}

describe.each(paths)('%s', (path) => {
  const recorded = fixtureSchema.parse(JSON.parse(readFileSync(join(vendors, path), 'utf8')));

  test('equals itself', () => {
    expect(compareFixtures(recorded, recorded)).toEqual([]);
  });

  test.each(recorded.cases.map((each, index) => ({ title: each.title, each, index })))(
    'a change of any value of "$title" is reported with its case and field',
    ({ title, each, index }) => {
      const { title: _title, ...values } = each;
      const changes = changeEachValue(values);
      expect(changes.length).toBeGreaterThan(4);

      for (const { field, changed } of changes) {
        const cases = recorded.cases.with(index, { title, ...(changed as object) } as Fixture['cases'][number]);
        const differences = compareFixtures({ ...recorded, cases } as LegibleFixture, recorded);

        expect(differences.map(({ title, field }) => ({ title, field }))).toEqual([{ title, field: field.join('.') }]);
      }
    },
  );
});

describe('compareFixtures', () => {
  const oracle = { package: 'sample-sdk', version: '1.0.0', checkedOn: '2030-01-01' };
  const given = { nowSeconds: 1, secrets: {}, options: {}, userId: 'alice', parameters: {} };
  const first = { ...given, title: 'first', text: 'one' };
  const second = { ...given, title: 'second', text: 'two' };
  const recorded: Fixture = { oracle, cases: [first, second] };

  test('reports another version of the SDK, but no other day', () => {
    const committed = { ...recorded, oracle: { ...oracle, version: '0.9.0', checkedOn: '2029-01-01' } };

    expect(compareFixtures(committed, recorded)).toEqual([
      { field: 'oracle.version', committed: '0.9.0', recorded: '1.0.0' },
    ]);
  });

  test('reports a case that is missing, and one that no oracle has', () => {
    const committed = { oracle, cases: [first, { ...second, title: 'third' }] };

    expect(compareFixtures(committed, recorded)).toMatchObject([
      { field: 'cases', committed: ['first', 'third'], recorded: ['first', 'second'] },
      { title: 'third', recorded: undefined },
      { title: 'second', committed: undefined },
    ]);
  });

  test('reports cases in another order', () => {
    expect(compareFixtures({ oracle, cases: [second, first] }, recorded)).toMatchObject([{ field: 'cases' }]);
  });

  test('reports two cases with the same title', () => {
    const committed = { oracle, cases: [first, first, second] };

    expect(compareFixtures(committed, recorded)).toMatchObject([{ field: 'cases' }]);
  });

  test('reports a value that is absent on one side', () => {
    const committed = { oracle, cases: [{ ...first, lifeSeconds: 60 }, second] };

    const differences = compareFixtures(committed, recorded);

    expect(differences.map((each) => describeDifference('acme/fixtures/acme.json', each))).toEqual([
      'acme/fixtures/acme.json, "first", lifeSeconds\n  committed: 60\n  the SDK:   absent',
    ]);
  });
});
