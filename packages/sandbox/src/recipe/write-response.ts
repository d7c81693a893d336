import { createHash } from 'node:crypto';
import type { Clock, SampleJson, SampleResponse, SampleVariable } from '@valetkey/core-types';
import { nowSeconds } from '../engine/now-seconds.ts';
import { jsonResponse, type Call, type SimulatedResponse } from '../engine/responses.ts';
import type { Comparison } from './match-text.ts';
import { writeXml } from './write-xml.ts';

export interface WriteDependencies {
  readonly clock: Clock;
  /** Returns a number that no other response has. */
  readonly nextNumber: () => number;
  /** Called with each text that no other response has. */
  readonly onIssue: (text: string) => void;
  /** The lifetime of a token if the request does not say it. */
  readonly lifetimeSeconds: number;
}

/** Writes a response in the form of a sample: with tokens of its own, and with moments by the sandbox's clock. */
export function writeResponse(
  sample: SampleResponse,
  found: Comparison['found'],
  { tokenFlaw, wrongUser }: Pick<Call, 'tokenFlaw' | 'wrongUser'>,
  { clock, nextNumber, onIssue, lifetimeSeconds }: WriteDependencies,
): SimulatedResponse {
  const now = nowSeconds(clock);
  const asked = readLifetime(found, now) ?? lifetimeSeconds;
  const lifetime = tokenFlaw === 'expired' ? -60 : asked;
  let { body } = sample;
  const change = (path: readonly string[] | undefined, next: (value: SampleJson) => SampleJson) => {
    if (path !== undefined) body = changeAt(body, path, next);
  };
  for (const path of sample.unique) {
    change(path, (value) => {
      const text = `${String(value)}-${nextNumber()}`;
      onIssue(text);
      return text;
    });
  }
  change(sample.expiresAt, (value) => writeMoment(value, now + lifetime));
  change(sample.expiresIn, () => lifetime);
  change(sample.userId, () => idOf(String(found.get('user.id')?.value ?? ''), wrongUser));
  if (sample.type === 'json') return jsonResponse(sample.status, body);
  if (sample.type === 'xml') {
    const headers = { 'content-type': 'application/xml; charset=utf-8' };
    return { status: sample.status, headers, body: writeXml(body) };
  }
  return { status: sample.status, headers: { 'content-type': 'text/plain; charset=utf-8' }, body: toText(body) };
}

/** Returns the vendor's id of a user, which is always the same for one name. */
function idOf(name: string, wrongUser: boolean): string {
  const text = wrongUser ? 'wrong-user' : name;
  return `sample-user-${createHash('sha256').update(text).digest('hex').slice(0, 12)}`;
}

function toText(body: SampleJson): string {
  return typeof body === 'string' ? body : JSON.stringify(body);
}

/** Writes a moment in the form of a sample: a date of ISO 8601, milliseconds, or seconds, as a number or a text. */
function writeMoment(sample: SampleJson, seconds: number): SampleJson {
  if (typeof sample === 'string' && !/^\d+$/.test(sample)) return new Date(seconds * 1_000).toISOString();
  const moment = Number(sample) > 100_000_000_000 ? seconds * 1_000 : seconds;
  return typeof sample === 'string' ? String(moment) : moment;
}

/** Returns the lifetime that a request asks for. */
function readLifetime(found: Comparison['found'], now: number): number | undefined {
  const life = found.get('life');
  if (life !== undefined) return positive(toSeconds(life));
  const expiry = found.get('expiry');
  return expiry === undefined ? undefined : positive(toSeconds(expiry) - now);
}

function positive(seconds: number): number | undefined {
  return Number.isFinite(seconds) && seconds > 0 ? Math.floor(seconds) : undefined;
}

function toSeconds({ value, unit }: { readonly value: unknown; readonly unit: SampleVariable['unit'] }): number {
  if (unit === 'iso-date') return Date.parse(String(value)) / 1_000;
  const number = Number(value);
  if (unit === 'milliseconds') return number / 1_000;
  return unit === 'minutes' ? number * 60 : number;
}

/** Returns a copy of a value with another value at a path. A path that leads nowhere changes nothing. */
function changeAt(value: SampleJson, path: readonly string[], next: (value: SampleJson) => SampleJson): SampleJson {
  const [name, ...rest] = path;
  if (name === undefined) return next(value);
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return value;
  const entries = Object.entries(value) as [string, SampleJson][];
  const changed = entries.map(
    ([field, member]) => [field, field === name ? changeAt(member, rest, next) : member] as const,
  );
  return Array.isArray(value) ? changed.map(([, member]) => member) : Object.fromEntries(changed);
}
