import { execFileSync } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { createAuditKey } from '../../src/audit/audit-key.ts';
import { verifyAudit } from '../../src/audit/verify-audit.ts';
import type { Decision, DecisionPosition } from '../../src/storage/audit-store.ts';
import { createPostgresStore } from '../../src/storage/postgres-store.ts';
import type { Store } from '../../src/storage/store.ts';
import { isPgBouncerAvailable } from '../support/pgbouncer.ts';
import { isPostgresAvailable } from '../support/postgres-server.ts';
import { findInstalledProxies } from '../support/proxy-program.ts';
import { isProgramAvailable } from '../support/required-program.ts';
import { createRandom, startLoad, type Load, type Operation, type Outcome } from '../support/replica-load.ts';
import { replicasAuditKey, startReplicas, type Replica, type ReplicaLife, type Replicas } from '../support/replicas.ts';

const rounds = 60;
const keys = ['sk_us_first-key-of-the-soak', 'sk_us_second-key-of-the-soak', 'sk_us_third-key-of-the-soak'] as const;
/** The rounds after which the key of Vital is rotated, and those after which the configuration changes. */
const rotations = new Map([
  [15, keys[1]],
  [40, keys[2]],
]);
const changes = new Set([5, 12, 22, 30, 37, 48, 55]);

const isReady = ({ lives }: Replica) => lives.at(-1)?.isReady === true;
const until = (condition: () => boolean | Promise<boolean>) =>
  expect.poll(condition, { interval: 20, timeout: 200_000 }).toBe(true);

/** Rotates the key of Vital: both are valid until every replica uses the new one and every request with the old one has ended. */
async function rotate(replicas: Replicas, load: Load, [old, next]: readonly string[]) {
  const secretsOf = async () =>
    Promise.all(replicas.replicas.map(async (one) => (await one.readiness())?.parts['secrets']));
  let before: string | undefined;
  await until(async () => (before ??= (await secretsOf()).find((version) => version !== undefined)) !== undefined);
  replicas.sandbox.vital.setApiKeys([old ?? '', next ?? '']);
  await replicas.writeVitalKey(next ?? '');
  // The second rotation does not wait until the replicas look at the file.
  if (next === keys[2]) for (const replica of replicas.replicas) replica.reload();
  const rotated = new Set<number>();
  await until(async () => {
    // A process that starts later reads the new file.
    for (const [index, version] of (await secretsOf()).entries())
      if (version !== undefined && version !== before) rotated.add(index);
    return rotated.size === replicas.replicas.length;
  });
  await load.settle();
  replicas.sandbox.vital.setApiKeys([next ?? '']);
}

/** Kills a random replica each second and starts it again, while the configuration changes and the key is rotated. */
async function disturb(replicas: Replicas, load: Load, random: (limit: number) => number) {
  const startedAt = performance.now();
  const work: Promise<void>[] = [];
  let key: string = keys[0];
  for (let round = 1; round <= rounds; round += 1) {
    await sleep(Math.max(0, startedAt + round * 1_000 - random(500) - performance.now()));
    const victim = replicas.replicas[random(replicas.replicas.length)];
    await until(() => replicas.replicas.some((replica) => replica !== victim && isReady(replica)));
    await victim?.kill();
    victim?.start();
    if (changes.has(round)) {
      await replicas.configure(60_000 + round);
      // A replica that gets no signal looks at its file every two seconds.
      for (const replica of replicas.replicas) if (random(2) === 0) replica.reload();
    }
    const next = rotations.get(round);
    if (next !== undefined) {
      await Promise.all(work);
      work.push(rotate(replicas, load, [key, next]));
      key = next;
    }
  }
  await Promise.all(work);
}

interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly requestId?: string;
  readonly decision?: Decision;
}

/** Returns the lines of a process's log. The last one of a killed process may be cut. */
function readLog({ process, killedAt }: ReplicaLife): LogLine[] {
  const lines = process
    .standardOutput()
    .split('\n')
    .filter((line) => line.startsWith('{'));
  return lines.flatMap((line, index) => {
    try {
      return [JSON.parse(line) as LogLine];
    } catch (error) {
      if (killedAt !== undefined && index === lines.length - 1) return [];
      throw error;
    }
  });
}

async function readDecisions(store: Store, operation: Operation): Promise<Decision[]> {
  const decisions: Decision[] = [];
  let after: DecisionPosition | undefined;
  do {
    const page = await store.listDecisions({ operation, limit: 1_000, after });
    decisions.push(...page.decisions);
    after = page.next;
  } while (after !== undefined);
  return decisions;
}

function tally(texts: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const text of texts) counts[text] = (counts[text] ?? 0) + 1;
  return counts;
}

/** Returns each decision in the log whose request failed although its process was not killed before the request ended. */
function findLostResponses(replicas: readonly Replica[], outcomes: readonly Outcome[]): string[] {
  const byId = new Map(outcomes.map((outcome) => [outcome.requestId, outcome]));
  return replicas.flatMap(({ lives }, replica) =>
    lives.flatMap((life, index) =>
      readLog(life).flatMap(({ decision, requestId = '' }) => {
        if (decision?.operation !== 'issue' && decision?.operation !== 'proxy') return [];
        const outcome = byId.get(requestId);
        if (outcome === undefined || outcome.status === 200) return [];
        if (life.killedAt !== undefined && outcome.endedAt >= life.killedAt) return [];
        const { status, code } = outcome;
        return [`${requestId} (${decision.outcome}) of process ${index} of replica ${replica}: ${status} ${code}`];
      }),
    ),
  );
}

/** Checks that the store and the vendor have everything that was issued, once. Returns the number of vendor users. */
async function checkStore(replicas: Replicas, outcomes: readonly Outcome[], starts: number): Promise<number> {
  const { sandbox, schema } = replicas;
  const store = createPostgresStore({ url: schema.url });
  const attempts = new Map<string, number>();
  for (const line of (await replicas.readAccessLog()).trimEnd().split('\n')) {
    const [, addresses = '', requestId = ''] = / \d{3} ([^\s,]+(?:, [^\s,]+)*) .* (soak-\d+)$/.exec(line) ?? [];
    attempts.set(requestId, addresses.split(', ').length);
  }
  try {
    for (const operation of ['issue', 'proxy'] as const) {
      const decisions = await readDecisions(store, operation);
      const allowed = decisions.filter(({ outcome }) => outcome === 'allowed').map(({ requestId }) => requestId);
      const isRecorded = new Set(allowed);
      const succeeded = outcomes.filter((outcome) => outcome.operation === operation && outcome.status === 200);
      expect(succeeded.filter(({ requestId }) => !isRecorded.has(requestId))).toEqual([]);
      // nginx sends a GET again if its broker was killed, so that two brokers may have decided it.
      const counts = Object.entries(tally(decisions.map(({ requestId }) => requestId)));
      const sentTo = (requestId: string) => (operation === 'proxy' ? (attempts.get(requestId) ?? 1) : 1);
      expect(
        counts.filter(([requestId, count]) => count > sentTo(requestId)),
        operation,
      ).toEqual([]);
    }
    const users = sandbox.vital.users();
    const clientIds = new Map(users.map(({ userId, clientUserId }) => [userId, clientUserId]));
    const subjects = new Set(outcomes.filter(({ operation }) => operation === 'issue').map(({ subject }) => subject));
    const stored: string[] = [];
    for (const subject of subjects) {
      const found = await store.listVendorUsers({ issuer: sandbox.urls.idp, subject });
      const isIssued = outcomes.some(
        (one) => one.operation === 'issue' && one.status === 200 && one.subject === subject,
      );
      expect(found.length, subject).toBeGreaterThanOrEqual(isIssued ? 1 : 0);
      expect(found.length, subject).toBeLessThanOrEqual(1);
      stored.push(...found.map(({ vendorUserId }) => vendorUserId));
    }
    expect(stored.filter((vendorUserId) => !clientIds.has(vendorUserId))).toEqual([]);
    expect(new Set(stored).size).toBe(stored.length);
    expect(new Set(clientIds.values()).size).toBe(users.length);
    expect(users.length).toBeLessThanOrEqual(subjects.size);
    const report = await verifyAudit({ store, keys: [createAuditKey(replicasAuditKey)], nowMs: 0 });
    expect(report).toMatchObject({ problems: [], unchained: 0 });
    expect(report.writers).toBeLessThanOrEqual(starts);
    return stored.length;
  } finally {
    await store.close();
  }
}

/** Checks that every replica is ready, uses the last key, and serves. */
async function checkReplicas({ replicas, sandbox }: Replicas): Promise<void> {
  await until(() => replicas.every(isReady));
  await until(async () =>
    (await Promise.all(replicas.map((one) => one.readiness()))).every((one) => one?.status === 200),
  );
  const states = await Promise.all(replicas.map((replica) => replica.readiness()));
  expect(new Set(states.map((state) => state?.parts['secrets'])).size).toBe(1);
  expect(states.map((state) => state?.parts['reload'])).toEqual([undefined, undefined, undefined]);
  const create = (key: string) =>
    fetch(`${sandbox.urls.vital}/v2/user`, {
      method: 'POST',
      headers: { 'x-vital-api-key': key, 'content-type': 'application/json' },
      body: '{"client_user_id":"of-the-control"}',
    }).then(({ status }) => status);
  expect([await create(keys[0]), await create(keys[1])]).toEqual([401, 401]);
  for (const [index, { url }] of replicas.entries()) {
    const authorization = `Bearer ${await sandbox.mintUserToken({ sub: `afterwards-${index}` })}`;
    const { status } = await fetch(`${url}/v1/vendors/vital/token`, { method: 'POST', headers: { authorization } });
    expect(status).toBe(200);
  }
}

const isAvailable = [
  await isPostgresAvailable(),
  await isPgBouncerAvailable(),
  (await findInstalledProxies(['nginx'])).has('nginx'),
  await isProgramAvailable({
    name: 'Redis',
    probe: () => execFileSync('redis-server', ['--version']),
    remediation: 'Install redis-server.',
  }),
].every(Boolean);

describe.skipIf(!isAvailable)('three replicas behind nginx', () => {
  test('lose and double nothing while each second one of them is killed, and keys and configuration change', async () => {
    const seed = Number(process.env['SOAK_SEED'] ?? randomInt(2 ** 31));
    process.stdout.write(`replicas: SOAK_SEED=${seed}\n`);
    const random = createRandom(seed);
    await using replicas = await startReplicas(keys[0]);
    // The load and the disturbances have numbers of their own: how many requests are sent depends on the machine.
    const load = startLoad(replicas, createRandom(random(2 ** 31)));
    await disturb(replicas, load, random);
    const { outcomes, sent, skipped } = await load.stop();
    const lives = replicas.replicas.flatMap((replica) => replica.lives);
    const lines = lives.flatMap(readLog);
    const users = await checkStore(replicas, outcomes, lives.length);
    const issued = outcomes.filter(({ status }) => status === 200).length;
    const failures = tally(
      outcomes.filter(({ status }) => status !== 200).map(({ status, code }) => `${status} ${code}`),
    );
    const killed = lives.filter(({ killedAt }) => killedAt !== undefined).length;
    const reloads = lines.filter(({ msg }) => msg === 'configuration reloaded').length;
    process.stdout.write(
      `replicas: ${killed} of ${lives.length} processes killed, ${reloads} reloads, ${rotations.size} rotations; ` +
        `${sent} requests sent (${skipped} not), ${issued} succeeded for ${users} users, failed ${JSON.stringify(failures)}; ` +
        `decisions ${JSON.stringify(tally(lines.flatMap(({ decision }) => (decision ? [`${decision.operation} ${decision.outcome}`] : []))))}; ` +
        `warnings ${JSON.stringify(tally(lines.filter(({ level }) => level >= 40).map(({ msg }) => msg)))}\n`,
    );
    expect(findLostResponses(replicas.replicas, outcomes)).toEqual([]);
    // The search works: it would find every request that a replica logged.
    const asIfLost = outcomes.map((outcome) => ({ ...outcome, status: 502, endedAt: 0 }));
    expect(findLostResponses(replicas.replicas, asIfLost).length).toBeGreaterThanOrEqual(issued);
    expect(lives.filter(({ hasEndedByItself }) => hasEndedByItself).map(({ process }) => process.output())).toEqual([]);
    expect(killed).toBe(rounds);
    await checkReplicas(replicas);
    expect(issued).toBeGreaterThan(sent / 50);
  }, 600_000);
});
