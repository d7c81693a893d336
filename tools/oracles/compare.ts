import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { Fixture } from '../../packages/vendor-clients/src/testing/oracle-fixtures.ts';

/** What a committed file must have to be compared. */
export const legibleFixture = z.looseObject({
  oracle: z.looseObject({ package: z.string(), version: z.string(), checkedOn: z.iso.date() }),
  cases: z.array(z.looseObject({ title: z.string() })),
});

export type LegibleFixture = z.output<typeof legibleFixture>;

/** One place where a committed fixture and the SDK disagree. */
export interface Difference {
  /** The case's title, or undefined for a difference of the whole file. */
  readonly title?: string;
  /** `jwt.payload` */
  readonly field: string;
  readonly committed: unknown;
  readonly recorded: unknown;
}

/** Returns every difference between a committed fixture and what the SDK did now. The day of the check does not count. */
export function compareFixtures(committed: LegibleFixture, recorded: Fixture): Difference[] {
  const titles = new Set([...committed.cases, ...recorded.cases].map(({ title }) => title));
  const order = compareValues('cases', listTitles(committed), listTitles(recorded));
  const find = ({ cases }: Titled, title: string) => cases.find((each) => each.title === title);
  return [
    ...compareValues('oracle.package', committed.oracle.package, recorded.oracle.package),
    ...compareValues('oracle.version', committed.oracle.version, recorded.oracle.version),
    ...order,
    ...[...titles].flatMap((title) =>
      compareValues('', find(committed, title), find(recorded, title)).map((each) => ({ title, ...each })),
    ),
  ];
}

type Titled = { readonly cases: readonly { readonly title: string }[] };

function listTitles({ cases }: Titled): string[] {
  return cases.map(({ title }) => title);
}

/** Descends into objects, so that a difference names one field. Lists and their order are compared as one value. */
function compareValues(field: string, committed: unknown, recorded: unknown): Difference[] {
  if (!isObject(committed) || !isObject(recorded)) {
    return isDeepStrictEqual(committed, recorded) ? [] : [{ field, committed, recorded }];
  }
  const names = new Set([...Object.keys(committed), ...Object.keys(recorded)]);
  return [...names].flatMap((name) =>
    compareValues(field === '' ? name : `${field}.${name}`, committed[name], recorded[name]),
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns the line that reports a difference: vendor, product, case and field. */
export function describeDifference(place: string, { title, field, committed, recorded }: Difference): string {
  const where = [place, ...(title === undefined ? [] : [`"${title}"`]), field].filter(Boolean).join(', ');
  return `${where}\n  committed: ${show(committed)}\n  the SDK:   ${show(recorded)}`;
}

function show(value: unknown): string {
  return value === undefined ? 'absent' : JSON.stringify(value);
}
