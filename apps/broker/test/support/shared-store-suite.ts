import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BrokerConfigInput } from '../../src/config/define-config.ts';
import type { Store } from '../../src/storage/store.ts';
import { externalIdOf } from '../../src/vendors/external-id.ts';
import {
  deploymentAdminToken,
  startDeployment,
  type BrokerProcess,
  type Deployment,
  type IssueResponse,
} from './deployment.ts';

const requestCount = 1000;

/** Returns the id of the Vital user in a sign-in token. */
function readVitalUserId(signInToken: unknown): unknown {
  const { user_token: jwt } = JSON.parse(Buffer.from(String(signInToken), 'base64').toString()) as {
    user_token: string;
  };
  const claims = JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()) as { uid: unknown };
  return claims.uid;
}

/** A database that several brokers share. */
export interface SharedDatabase {
  readonly config: NonNullable<BrokerConfigInput['store']>;
  readonly open: () => Store;
  /** Throws if the database itself is damaged. */
  readonly verify?: () => void;
  readonly drop?: () => Promise<void>;
}

/** Two brokers over one database. The fields are present while the tests run. */
interface TwoBrokers {
  readonly deployment: Deployment;
  readonly database: SharedDatabase;
  readonly store: Store;
  readonly brokers: [BrokerProcess, BrokerProcess];
}

/** Starts two brokers over one database before the tests, and ends them afterwards. */
function useTwoBrokers(openDatabase: (folder: string) => Promise<SharedDatabase>): TwoBrokers {
  const shared = {} as TwoBrokers;
  beforeAll(async () => {
    const deployment = await startDeployment();
    const database = await openDatabase(deployment.folder);
    const { startBroker } = deployment;
    const brokers = await Promise.all([startBroker(database.config), startBroker(database.config)]);
    Object.assign(shared, { deployment, database, store: database.open(), brokers });
  });
  afterAll(async () => {
    await shared.store.close();
    await shared.deployment.close();
    await shared.database.drop?.();
  });
  return shared;
}

/** Defines the test of changes that one of two brokers makes, over a database that needs no further tests. */
export function testFollowedChanges(openDatabase: (folder: string) => Promise<SharedDatabase>): void {
  testFollowing(useTwoBrokers(openDatabase));
}

function testFollowing(shared: TwoBrokers): void {
  /** Sends requests to a broker, one after the other, until the result of one of them passes the check. Returns the milliseconds. */
  const measureUntil = async (
    broker: BrokerProcess,
    token: string,
    isReached: (response: IssueResponse) => boolean,
  ): Promise<number> => {
    const beganAtMs = performance.now();
    const elapsedMs = () => performance.now() - beganAtMs;
    while (!isReached(await shared.deployment.issueVitalToken(broker, token)) && elapsedMs() < 10_000);
    return elapsedMs();
  };

  test('a block, an unblock, a replaced and a removed vendor user, and a forgotten principal take effect at once in the broker that receives them, and within two seconds in the other, while it serves requests', async () => {
    const [one, other] = shared.brokers;
    const principal = { issuer: shared.deployment.issuer, subject: 'followed' };
    const token = await shared.deployment.mintToken(principal.subject);
    const administer = (method: string, path: string, body: object) =>
      fetch(one.adminUrl + path, {
        method,
        headers: { authorization: `Bearer ${deploymentAdminToken}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }).then(({ status }) => status);
    const statusesOf = (count: number) =>
      Promise.all(
        Array.from({ length: count }, async () => (await shared.deployment.issueVitalToken(one, token)).status),
      );
    await Promise.all([shared.deployment.issueVitalToken(one, token), shared.deployment.issueVitalToken(other, token)]);

    expect(await administer('PUT', '/v1/blocked-users', principal)).toBe(204);
    const blocked = measureUntil(other, token, ({ status }) => status === 403);
    expect(await statusesOf(5)).toEqual([403, 403, 403, 403, 403]);
    expect(await blocked).toBeLessThan(2_000);
    expect((await shared.deployment.issueVitalToken(other, token)).status).toBe(403);

    expect(await administer('DELETE', '/v1/blocked-users', principal)).toBe(204);
    expect(await statusesOf(2)).toEqual([200, 200]);
    expect(await measureUntil(other, token, ({ status }) => status === 200)).toBeLessThan(2_000);

    const { userId } = shared.deployment.sandbox.vital.createUser('chosen');
    const chosen = { ...principal, vendor: 'vital', vendor_user_id: userId };
    expect(await administer('PUT', '/v1/vendor-users', chosen)).toBe(204);
    const isChosen = ({ body }: IssueResponse) => body['vendor_user_id'] === userId;
    const isOther = ({ status, body }: IssueResponse) => status === 200 && body['vendor_user_id'] !== userId;
    expect(await measureUntil(other, token, isChosen)).toBeLessThan(2_000);

    expect(await administer('DELETE', '/v1/vendor-users', chosen)).toBe(204);
    expect(isOther(await shared.deployment.issueVitalToken(one, token))).toBe(true);
    expect(await measureUntil(other, token, isOther)).toBeLessThan(2_000);

    expect(await administer('PUT', '/v1/vendor-users', chosen)).toBe(204);
    expect(await measureUntil(other, token, isChosen)).toBeLessThan(2_000);
    expect(await administer('PUT', '/v1/forgotten-users', principal)).toBe(200);
    expect(isOther(await shared.deployment.issueVitalToken(one, token))).toBe(true);
    expect(await measureUntil(other, token, isOther)).toBeLessThan(2_000);
  });
}

/** Defines the tests of two `valetkey start` processes that share one database. */
export function testSharedStore(openDatabase: (folder: string) => Promise<SharedDatabase>): void {
  const shared = useTwoBrokers(openDatabase);
  const vendorUserOf = async (subject: string) =>
    (await shared.store.listVendorUsers({ issuer: shared.deployment.issuer, subject })).find(
      ({ vendor }) => vendor === 'vital',
    )?.vendorUserId;
  const clientUserIdOf = (subject: string) => externalIdOf({ issuer: shared.deployment.issuer, subject });
  const vitalUsersOf = (subject: string) =>
    shared.deployment.sandbox.vital.users().filter(({ clientUserId }) => clientUserId === clientUserIdOf(subject));

  test('two brokers create one vendor user for 1,000 concurrent first requests of one principal', async () => {
    const token = await shared.deployment.mintToken('alice');
    const responses = await Promise.all(
      Array.from({ length: requestCount }, (_, index) =>
        shared.deployment.issueVitalToken(shared.brokers[index % 2 === 0 ? 0 : 1], token),
      ),
    );
    const [user, ...more] = vitalUsersOf('alice');

    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
    expect(more).toEqual([]);
    expect(shared.deployment.sandbox.calls()['vital']?.['POST /v2/user']).toBe(1);
    expect(new Set(responses.map(({ body }) => readVitalUserId(body['sign_in_token'])))).toEqual(
      new Set([user?.userId]),
    );
    expect(new Set(responses.map(({ body }) => body['sign_in_token'])).size).toBe(requestCount);
    expect(await vendorUserOf('alice')).toBe(user?.userId);
  });

  test('two brokers create 1,000 vendor users for 1,000 concurrent principals, and issue each token for the right one', async () => {
    const subjects = Array.from({ length: requestCount }, (_, index) => `subject-${index}`);
    const tokens = await Promise.all(subjects.map(shared.deployment.mintToken));
    const responses = await Promise.all(
      tokens.map((token, index) => shared.deployment.issueVitalToken(shared.brokers[index % 2 === 0 ? 0 : 1], token)),
    );

    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
    const userIds = new Map(shared.deployment.sandbox.vital.users().map((user) => [user.clientUserId, user.userId]));
    const expected = subjects.map((subject) => userIds.get(clientUserIdOf(subject)));
    expect(responses.map(({ body }) => readVitalUserId(body['sign_in_token']))).toEqual(expected);
    expect(responses.map(({ body }) => body['vendor_user_id'])).toEqual(expected);
    expect(new Set(expected).size).toBe(requestCount);
    expect(await Promise.all(subjects.map(vendorUserOf))).toEqual(expected);
  });

  test('the store has the vendor user and the decision of every response that a broker sent before it was killed', async () => {
    const responses = new Map<string, IssueResponse>();
    const retries: Promise<void>[] = [];
    let subjectCount = 0;

    /** Sends a request that got no response to the other broker, which waits until the killed broker's reservation expires. */
    const retry = async (subject: string, token: string) => {
      responses.set(subject, await shared.deployment.issueVitalToken(shared.brokers[1], token));
    };

    /** Sends one request after the other, each of a new principal, until the broker is killed. */
    const keepRequesting = async (broker: BrokerProcess, onResponse: () => void) => {
      for (;;) {
        const subject = `new-${subjectCount++}`;
        const token = await shared.deployment.mintToken(subject);
        const response = await shared.deployment.issueVitalToken(broker, token).catch(() => undefined);
        if (response === undefined) {
          retries.push(retry(subject, token));
          return;
        }
        expect(response.status).toBe(200);
        responses.set(subject, response);
        onResponse();
      }
    };

    for (let round = 0; round < 3; round += 1) {
      const [victim] = shared.brokers;
      let responseCount = 0;
      const killed = Promise.withResolvers<void>();
      const onResponse = () => {
        responseCount += 1;
        if (responseCount === 100) victim.kill().then(killed.resolve, killed.reject);
      };
      await Promise.all([killed.promise, ...Array.from({ length: 16 }, () => keepRequesting(victim, onResponse))]);
      shared.brokers[0] = await shared.deployment.startBroker(shared.database.config);
    }

    expect(retries).toHaveLength(48);
    await Promise.all(retries);
    shared.database.verify?.();

    const all = (await shared.store.listDecisions({ limit: 1_000_000 })).decisions;
    const decisions = all.filter(({ operation }) => operation === 'issue');
    const mapped = new Map(
      all.filter(({ operation }) => operation === 'map').map((change) => [change.subject, change]),
    );
    const decisionById = new Map(decisions.map((decision) => [decision.requestId, decision]));
    expect(decisionById.size).toBe(decisions.length);
    for (const [subject, { status, requestId, body }] of responses) {
      const vendorUserId = body['vendor_user_id'];
      expect(status).toBe(200);
      expect(decisionById.get(requestId)).toMatchObject({ subject, vendorUserId, outcome: 'allowed' });
      // A broker that was killed after the creation may not have recorded it.
      const { vendorUserId: mappedId = vendorUserId } = mapped.get(subject) ?? {};
      expect(mappedId).toBe(vendorUserId);
      expect(await vendorUserOf(subject)).toBe(vendorUserId);
      expect(vitalUsersOf(subject).map(({ userId }) => userId)).toEqual([vendorUserId]);
    }
  });

  testFollowing(shared);
}
