import type { DecisionPage, DecisionQuery, LinkedDecision } from '../src/storage/audit-store.ts';
import type { Store, VendorUserKey } from '../src/storage/store.ts';
import { createRequestId } from '../src/http/request-id.ts';
import { knownPrincipal, knownVendorUser, requestId, subjectOf } from './scale-fill.ts';

/** A store that is measured. */
export interface Subject {
  readonly store: Store;
  /** How many users it has, and the number of its last decision. */
  readonly users: number;
  readonly decisions: number;
  /** The moment of its last decision before the measurement. */
  readonly endMs: number;
}

/** One operation that is measured on each store. */
export interface Case {
  readonly name: string;
  /** Returns the operation for a store. It receives another number each time. */
  readonly prepare: (subject: Subject) => (index: number) => Promise<unknown>;
  /** How many operations one round has. Default: 100. */
  readonly operations?: number;
}

const connection = { connection: 'vital', vendor: 'vital' };
const { issuer } = knownPrincipal;
let writes = 0;

/** Spreads the numbers over the users of a store. */
const userOf = ({ users }: Subject, index: number) => subjectOf(((index + 1) * 7919) % users);

/** Returns a decision about one of the users of a store, whose id at the vendor is its subject. */
export function createDecision(subject: Subject, index: number): LinkedDecision {
  writes += 1;
  return {
    at: new Date(Date.now()).toISOString(),
    requestId: createRequestId(),
    operation: 'issue',
    ...connection,
    issuer,
    subject: userOf(subject, index),
    vendorUserId: `7c1e4d1f-0000-4000-8000-${userOf(subject, index).slice(-12)}`,
    outcome: 'allowed',
    durationMs: 3,
    clientAddress: '192.0.2.7',
    policyVersion: 'p7Jb1Zk0aQ4x',
    tokenFingerprint: 'abcdefghijklmnopqrstuv',
    link: {
      writer: 'measured',
      sequence: writes,
      mac: 'm'.repeat(43),
      salt: 's'.repeat(16),
      personalDigest: 'd'.repeat(43),
    },
  };
}

const record =
  (count: number): Case['prepare'] =>
  (subject) =>
  (index) =>
    subject.store.recordDecisions(
      Array.from({ length: count }, (_, place) => createDecision(subject, index * count + place)),
    );

const known = (subject: Subject, index: number): VendorUserKey => ({
  ...connection,
  issuer,
  subject: userOf(subject, index),
});
/** Looks up a vendor user that exists. */
export const findKnown = (subject: Subject, index: number) => subject.store.findVendorUser(known(subject, index));

const unknown = (index: number): VendorUserKey => ({ ...connection, issuer, subject: `unknown-${index}` });

/** What a request reads and writes. */
export const requestCases: readonly Case[] = [
  { name: 'record 1 decision', prepare: record(1) },
  { name: 'record 32 decisions at once', prepare: record(32), operations: 20 },
  { name: 'find a known vendor user', prepare: (one) => (index) => findKnown(one, index) },
  {
    name: 'find an unknown vendor user',
    prepare:
      ({ store }) =>
      (index) =>
        store.findVendorUser(unknown(index)),
  },
  {
    name: 'add a vendor user that exists',
    prepare: (one) => (index) => one.store.addVendorUser(known(one, index), 'another'),
  },
  {
    name: 'add a vendor user',
    prepare:
      ({ store }) =>
      () =>
        store.addVendorUser({ ...connection, issuer, subject: `auth0|${crypto.randomUUID()}` }, crypto.randomUUID()),
  },
  {
    name: 'list the vendor users of a principal',
    prepare: (one) => (index) => one.store.listVendorUsers(known(one, index)),
  },
  { name: 'is a principal blocked', prepare: (one) => (index) => one.store.isBlocked(known(one, index)) },
  {
    name: 'poll the changes',
    prepare:
      ({ store }) =>
      () =>
        store.readChanges(Number.MAX_SAFE_INTEGER),
  },
];

type Selection = Omit<DecisionQuery, 'limit' | 'after'>;

/** Each selection of decisions. */
export function listSelections({ decisions, endMs }: Subject): Readonly<Record<string, Selection>> {
  const at = (daysAgo: number) => new Date(endMs - daysAgo * 86_400_000).toISOString();
  const ofPrincipal = knownPrincipal;
  return {
    everything: {},
    issuer: { issuer },
    'issuer, subject': ofPrincipal,
    subject: { subject: ofPrincipal.subject },
    'issuer, subject, since, until': { ...ofPrincipal, since: at(60), until: at(30) },
    'issuer, subject, outcome': { ...ofPrincipal, outcome: 'allowed' },
    connection: { connection: 'vital' },
    'connection with another name': { connection: 'vital-eu' },
    vendorUserId: { vendorUserId: knownVendorUser },
    'vendorUserId, outcome, since': { vendorUserId: knownVendorUser, outcome: 'allowed', since: at(60) },
    'outcome allowed': { outcome: 'allowed' },
    'outcome forbidden': { outcome: 'forbidden' },
    reason: { reason: 'policy.rules.0' },
    requestId: { requestId: requestId(Math.floor(decisions / 200) * 100) },
    operation: { operation: 'proxy' },
    'since, until': { since: at(0.003), until: at(0.001) },
    'connection, outcome': { connection: 'vital', outcome: 'forbidden' },
    'connection, operation, outcome': { connection: 'vital', operation: 'issue', outcome: 'allowed' },
    'connection, since': { connection: 'vital', since: at(0.005) },
    'nothing: issuer': { issuer: 'https://other.example.com' },
    'nothing: issuer, subject': { issuer, subject: 'nobody' },
    'nothing: subject': { subject: 'nobody' },
    'nothing: connection': { connection: 'stripe' },
    'nothing: vendorUserId': { vendorUserId: 'nobody' },
    'nothing: outcome': { outcome: 'not_found' },
    'nothing: reason': { reason: 'policy.rules.7' },
    'nothing: requestId': { requestId: 'none' },
    'nothing: operation': { operation: 'forget' },
    'nothing: since, until': { since: at(-20), until: at(-10) },
    'nothing: connection, outcome': { connection: 'stripe', outcome: 'forbidden' },
    'nothing: connection, operation, outcome': { connection: 'vital', operation: 'issue', outcome: 'not_found' },
    'nothing: known values that never occur together': {
      connection: 'vital',
      outcome: 'allowed',
      reason: 'policy.rules.0',
    },
  };
}

const limit = 20;

/** The first page of each selection, and its third one. */
export function listCases(subject: Subject): readonly Case[] {
  return Object.keys(listSelections(subject)).flatMap((name): Case[] => {
    const selectionOf = (one: Subject): Selection => listSelections(one)[name] ?? {};
    const first: Case = {
      name: `list: ${name}`,
      prepare: (one) => () => one.store.listDecisions({ ...selectionOf(one), limit }),
    };
    if (name.startsWith('nothing') || name === 'requestId') return [first];
    const third: Case = {
      name: `list: ${name}, third page`,
      prepare: (one) => {
        let place: Promise<DecisionPage> | undefined;
        return async () => {
          place ??= one.store.listDecisions({ ...selectionOf(one), limit: 2 * limit });
          const { next } = await place;
          if (next === undefined) return;
          await one.store.listDecisions({ ...selectionOf(one), limit, after: next });
        };
      },
    };
    return [first, third];
  });
}
