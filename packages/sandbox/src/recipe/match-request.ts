import type { SampleRequest } from '@valetkey/core-types';
import type { Call } from '../engine/responses.ts';
import { isOptionalText, matchText, misfit, type Comparison } from './match-text.ts';
import { matchFields, matchValue } from './match-value.ts';
import { readFields } from './read-fields.ts';

/** Compares a call with a request that the vendor accepts. `segments` are the varying segments of its path. */
export function matchRequest(
  { path, query, headers, body }: SampleRequest,
  call: Call,
  accepts: Comparison['accepts'],
): Comparison {
  const comparison: Comparison = { accepts, found: new Map(), misfits: new Set() };
  const segments = Object.values(call.parameters);
  const varying = path.filter((parts) => parts.some((part) => typeof part !== 'string'));
  for (const [index, parts] of varying.entries()) matchText(parts, segments[index] ?? '', comparison);
  matchFields(query, readFields(call.query), comparison);
  for (const [name, parts] of Object.entries(headers)) {
    const value = call.headers[name];
    if (typeof value === 'string') matchText(parts, value, comparison);
    else if (!isOptionalText(parts)) misfit(parts, comparison);
  }
  matchBody(body, call, comparison);
  return comparison;
}

function matchBody(body: SampleRequest['body'], call: Call, comparison: Comparison): void {
  if (body === undefined) {
    if (call.body !== '') comparison.misfits.add('form');
  } else if (body.type === 'form') {
    const type = call.headers['content-type'] ?? '';
    if (!/^application\/x-www-form-urlencoded\b/i.test(type)) comparison.misfits.add('form');
    matchValue(body.value, readFields(new URLSearchParams(call.body)), comparison);
  } else {
    matchValue(body.value, readJson(call.body), comparison);
  }
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
