import type { SampleJson, VendorSample } from '@valetkey/core-types';
import { jsonResponse, type SimulatedResponse } from '../engine/responses.ts';

interface Fields {
  [name: string]: SampleJson | Fields;
}

/** The field of an error of a vendor of which nothing else is known. */
const customaryField = 'message';

/** Returns functions that write errors in the form of a vendor. */
export function createFailures({ paths, known }: VendorSample['failure']) {
  const form = (status: number, values: Readonly<Record<string, SampleJson>> = {}): SimulatedResponse => {
    const fields: Fields = {};
    for (const path of paths.length === 0 ? [[customaryField]] : paths) {
      write(fields, path, values[path.join('.')] ?? `status_${status}`);
    }
    return jsonResponse(status, fields);
  };
  return {
    /** Returns an error without a special meaning. */
    plain: (status: number) => form(status),
    /** Returns an error with the first meaning that the status has. A 401 says no more than that the credential is wrong. */
    failure: (status: number) =>
      form(status, status === 401 ? {} : known.find((meaning) => meaning.status === status)?.fields),
  };
}

function write(fields: Fields, path: readonly string[], value: SampleJson): void {
  const names = [...path];
  const last = names.pop() ?? customaryField;
  let group = fields;
  for (const name of names) {
    const member = group[name];
    const inner: Fields = typeof member === 'object' && member !== null ? (member as Fields) : {};
    group[name] = inner;
    group = inner;
  }
  if (typeof group[last] !== 'object') group[last] = value;
}
