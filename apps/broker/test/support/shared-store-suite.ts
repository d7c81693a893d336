import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BrokerConfigInput } from '../../src/config/define-config.ts';
import type { Store } from '../../src/storage/store.ts';
import { externalIdOf } from '../../src/vendors/external-id.ts';
import { startDeployment, type BrokerProcess, type Deployment, type IssueResponse } from './deployment.ts';

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

/** Defines the tests of two `valetkey start` processes that share one database. */
export function testSharedStore(openDatabase: (folder: string) => Promise<SharedDatabase>): void {
  let deployment: Deployment;
  let database: SharedDatabase;
  let store: Store;
  let brokers: [BrokerProcess, BrokerProcess];
  beforeAll(async () => {
    deployment = await startDeployment();
    database = await openDatabase(deployment.folder);
    store = database.open();
    const { startBroker } = deployment;
    brokers = await Promise.all([startBroker(database.config), startBroker(database.config)]);
  });
  afterAll(async () => {
    await store.close();
    await deployment.close();
    await database.drop?.();
  });

  const vendorUserOf = async (subject: string) =>
    (await store.listVendorUsers({ issuer: deployment.issuer, subject })).find(({ vendor }) => vendor === 'vital')
      ?.vendorUserId;
  const clientUserIdOf = (subject: string) => externalIdOf({ issuer: deployment.issuer, subject });
  const vitalUsersOf = (subject: string) =>
    deployment.sandbox.vital.users().filter(({ clientUserId }) => clientUserId === clientUserIdOf(subject));

  test('two brokers create one vendor user for 1,000 concurrent first requests of one principal', async () => {
    const token = await deployment.mintToken('alice');
    const responses = await Promise.all(
      Array.from({ length: requestCount }, (_, index) =>
        deployment.issueVitalToken(brokers[index % 2 === 0 ? 0 : 1], token),
      ),
    );
    const [user, ...more] = vitalUsersOf('alice');

    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
    expect(more).toEqual([]);
    expect(deployment.sandbox.calls()['vital']?.['POST /v2/user']).toBe(1);
    expect(new Set(responses.map(({ body }) => readVitalUserId(body['sign_in_token'])))).toEqual(
      new Set([user?.userId]),
    );
    expect(new Set(responses.map(({ body }) => body['sign_in_token'])).size).toBe(requestCount);
    expect(await vendorUserOf('alice')).toBe(user?.userId);
  });

  test('two brokers create 1,000 vendor users for 1,000 concurrent principals, and issue each token for the right one', async () => {
    const subjects = Array.from({ length: requestCount }, (_, index) => `subject-${index}`);
    const tokens = await Promise.all(subjects.map(deployment.mintToken));
    const responses = await Promise.all(
      tokens.map((token, index) => deployment.issueVitalToken(brokers[index % 2 === 0 ? 0 : 1], token)),
    );

    expect(new Set(responses.map(({ status }) => status))).toEqual(new Set([200]));
    const userIds = new Map(deployment.sandbox.vital.users().map((user) => [user.clientUserId, user.userId]));
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
      responses.set(subject, await deployment.issueVitalToken(brokers[1], token));
    };

    /** Sends one request after the other, each of a new principal, until the broker is killed. */
    const keepRequesting = async (broker: BrokerProcess, onResponse: () => void) => {
      for (;;) {
        const subject = `new-${subjectCount++}`;
        const token = await deployment.mintToken(subject);
        const response = await deployment.issueVitalToken(broker, token).catch(() => undefined);
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
      const [victim] = brokers;
      let responseCount = 0;
      const killed = Promise.withResolvers<void>();
      const onResponse = () => {
        responseCount += 1;
        if (responseCount === 100) victim.kill().then(killed.resolve, killed.reject);
      };
      await Promise.all([killed.promise, ...Array.from({ length: 16 }, () => keepRequesting(victim, onResponse))]);
      brokers[0] = await deployment.startBroker(database.config);
    }

    expect(retries).toHaveLength(48);
    await Promise.all(retries);
    database.verify?.();

    const all = (await store.listDecisions({ limit: 1_000_000 })).decisions;
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
}
