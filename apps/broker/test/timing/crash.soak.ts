import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createAuditKey } from '../../src/audit/audit-key.ts';
import { verifyAudit } from '../../src/audit/verify-audit.ts';
import type { DecisionPosition } from '../../src/storage/audit-store.ts';
import { createPostgresStore } from '../../src/storage/postgres-store.ts';
import { createSqliteStore } from '../../src/storage/sqlite-store.ts';
import type { Store } from '../../src/storage/store.ts';
import { auditKeyText, startDeployment, type BrokerProcess, type Deployment } from '../support/deployment.ts';
import { createPostgresSchema, isPostgresAvailable } from '../support/postgres-server.ts';

const perSecond = 500;
const tickMs = 10;

/** A call that the broker allowed. */
interface IssuedToken {
  readonly subject: string;
  readonly requestId: string;
}

/**
 * Requests tokens at a steady rate until the broker is killed, which happens after it has issued `atLeast` of them. Returns the calls
 * that it allowed.
 */
async function issueUntilKilled(
  deployment: Deployment,
  broker: BrokerProcess,
  { round, atLeast }: { readonly round: number; readonly atLeast: number },
): Promise<IssuedToken[]> {
  const subjects = Array.from({ length: 250 }, (_, index) => `round-${round - (index % 2)}-${index}`);
  const tokens = await Promise.all(subjects.map((subject) => deployment.mintToken(subject)));
  const issued: IssuedToken[] = [];
  const { promise: enough, resolve: reportEnough } = Promise.withResolvers<void>();
  const calls: Promise<void>[] = [];
  const call = async (index: number): Promise<void> => {
    const subject = subjects[index % subjects.length] ?? '';
    const { status, requestId } = await deployment.issueVitalToken(broker, tokens[index % tokens.length] ?? '');
    if (status !== 200) return;
    issued.push({ subject, requestId });
    if (issued.length >= atLeast) reportEnough();
  };
  const startedAt = performance.now();
  const timer = setInterval(() => {
    const due = ((performance.now() - startedAt) / 1_000) * perSecond;
    // A call that the crash cuts off has no response to account for.
    while (calls.length < due) calls.push(call(calls.length).catch(() => undefined));
  }, tickMs);
  // The crash meets another moment of the work in each round. On a busy machine, so many tokens may take longer.
  await sleep(1_000 + Math.random() * 1_000);
  await enough;
  await broker.kill();
  clearInterval(timer);
  await Promise.all(calls);
  return issued;
}

async function readAllowed(store: Store): Promise<string[]> {
  const requestIds: string[] = [];
  let after: DecisionPosition | undefined;
  do {
    const page = await store.listDecisions({ operation: 'issue', outcome: 'allowed', limit: 1_000, after });
    requestIds.push(...page.decisions.map(({ requestId }) => requestId));
    after = page.next;
  } while (after !== undefined);
  return requestIds;
}

/**
 * Kills the broker in each round, and checks after each that the store has everything that the broker responded with: at
 * least `atLeast` tokens per round. Returns the number of issued tokens.
 */
async function crash(
  name: string,
  rounds: number,
  config: 'sqlite' | 'postgres',
  { atLeast, url, synchronous }: { readonly atLeast: number; readonly url?: string; readonly synchronous?: 'full' },
): Promise<number> {
  const deployment = await startDeployment();
  onTestFinished(() => deployment.close());
  const path = join(deployment.folder, 'data', 'valetkey.sqlite');
  const open = () => (config === 'sqlite' ? createSqliteStore(path) : createPostgresStore({ url: url ?? '' }));
  let total = 0;
  for (let round = 1; round <= rounds; round += 1) {
    const broker = await deployment.startBroker(
      config === 'sqlite' ? { sqlite: path, synchronous } : { postgres: url ?? '' },
    );
    const issued = await issueUntilKilled(deployment, broker, { round, atLeast });
    const store = open();
    const recorded = await readAllowed(store);
    const isRecorded = new Set(recorded);
    expect(issued.filter(({ requestId }) => !isRecorded.has(requestId))).toEqual([]);
    expect(recorded.length, 'no decision is recorded twice').toBe(isRecorded.size);
    for (const subject of new Set(issued.map((one) => one.subject))) {
      expect(await store.listVendorUsers({ issuer: deployment.issuer, subject })).toHaveLength(1);
    }
    const keys = [createAuditKey(auditKeyText)] as const;
    expect(await verifyAudit({ store, keys, nowMs: 0 })).toMatchObject({ problems: [], writers: round, unchained: 0 });
    await store.close();
    expect(issued.length).toBeGreaterThan(0);
    total += issued.length;
  }
  process.stdout.write(
    `${name}: ${rounds} crashes, ${total} issued tokens, all in audit and mapping, every chain valid\n`,
  );
  return total;
}

test('a SQLite store has every token that 20 killed brokers issued, and every chain is valid', async () => {
  expect(await crash('SQLite', 20, 'sqlite', { atLeast: 101 })).toBeGreaterThan(2_000);
}, 600_000);

test('a SQLite store that waits for the disk has every token that 4 killed brokers issued, and every chain is valid', async () => {
  expect(await crash('SQLite, synchronous: full', 4, 'sqlite', { atLeast: 26, synchronous: 'full' })).toBeGreaterThan(
    100,
  );
}, 600_000);

describe.skipIf(!(await isPostgresAvailable()))('PostgreSQL', () => {
  test('a PostgreSQL store has every token that 6 killed brokers issued, and every chain is valid', async () => {
    await using schema = await createPostgresSchema();
    expect(await crash('PostgreSQL', 6, 'postgres', { atLeast: 17, url: schema.url })).toBeGreaterThan(100);
  }, 600_000);
});
