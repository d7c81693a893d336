import { afterAll, beforeAll, expect, test } from 'vitest';
import type { BrokerConfigInput } from '../../src/config/define-config.ts';
import type { Store } from '../../src/storage/store.ts';
import { startDeployment, type BrokerProcess, type Deployment, type SignIn } from './broker-processes.ts';
import { externalIdOf } from '../../src/vendors/external-id.ts';

const people = 1000;

/** Whom a sign-in token is for, as Vital's own service reads it. */
function userOf(signInToken: unknown): unknown {
  const { user_token: jwt } = JSON.parse(Buffer.from(String(signInToken), 'base64').toString()) as {
    user_token: string;
  };
  const claims = JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()) as { uid: unknown };
  return claims.uid;
}

/** A database that several brokers are configured with, and the store in it. */
export interface SharedDatabase {
  readonly config: NonNullable<BrokerConfigInput['store']>;
  readonly open: () => Store;
  /** Throws where the database itself is damaged. */
  readonly verify?: () => void;
  readonly drop?: () => Promise<void>;
}

/** What two `valetkey start` processes on one database promise. */
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
    (await store.listVendorUsers({ issuer: deployment.issuer, subject })).get('vital');
  const nameOf = (subject: string) => externalIdOf({ issuer: deployment.issuer, subject });
  const vitalUsersOf = (subject: string) =>
    deployment.sandbox.vital.users().filter(({ clientUserId }) => clientUserId === nameOf(subject));

  test('1,000 first sign-ins of one person at once make one vendor user', async () => {
    const token = await deployment.mintToken('alice');
    const answers = await Promise.all(
      Array.from({ length: people }, (_, index) => deployment.signIn(brokers[index % 2 === 0 ? 0 : 1], token)),
    );
    const [user, ...more] = vitalUsersOf('alice');

    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(more).toEqual([]);
    expect(deployment.sandbox.calls()['vital']?.['POST /v2/user']).toBe(1);
    expect(new Set(answers.map(({ body }) => userOf(body['sign_in_token'])))).toEqual(new Set([user?.userId]));
    expect(new Set(answers.map(({ body }) => body['sign_in_token'])).size).toBe(people);
    expect(await vendorUserOf('alice')).toBe(user?.userId);
  });

  test('1,000 people at once: each is answered a token of its own user', async () => {
    const subjects = Array.from({ length: people }, (_, index) => `person-${index}`);
    const tokens = await Promise.all(subjects.map(deployment.mintToken));
    const answers = await Promise.all(
      tokens.map((token, index) => deployment.signIn(brokers[index % 2 === 0 ? 0 : 1], token)),
    );

    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    const userByName = new Map(deployment.sandbox.vital.users().map((user) => [user.clientUserId, user.userId]));
    const own = subjects.map((subject) => userByName.get(nameOf(subject)));
    expect(answers.map(({ body }) => userOf(body['sign_in_token']))).toEqual(own);
    expect(answers.map(({ body }) => body['vendor_user_id'])).toEqual(own);
    expect(new Set(own).size).toBe(people);
    expect(await Promise.all(subjects.map(vendorUserOf))).toEqual(own);
  });

  test('a broker that is killed under load loses nothing that it answered', async () => {
    const answered = new Map<string, SignIn>();
    const retried: Promise<void>[] = [];
    let counter = 0;

    /** Who got no answer tries again elsewhere, and waits for a dead broker's reservation at most. */
    const retry = async (subject: string, token: string) => {
      answered.set(subject, await deployment.signIn(brokers[1], token));
    };

    /** New people sign in, one after the other, until the broker is gone. */
    const keepSigningIn = async (broker: BrokerProcess, onAnswer: () => void) => {
      for (;;) {
        const subject = `new-${counter++}`;
        const token = await deployment.mintToken(subject);
        const answer = await deployment.signIn(broker, token).catch(() => undefined);
        if (answer === undefined) {
          retried.push(retry(subject, token));
          return;
        }
        expect(answer.status).toBe(200);
        answered.set(subject, answer);
        onAnswer();
      }
    };

    for (let round = 0; round < 3; round += 1) {
      const [victim] = brokers;
      let answers = 0;
      const killed = Promise.withResolvers<void>();
      const onAnswer = () => {
        answers += 1;
        if (answers === 100) victim.kill().then(killed.resolve, killed.reject);
      };
      await Promise.all([killed.promise, ...Array.from({ length: 16 }, () => keepSigningIn(victim, onAnswer))]);
      brokers[0] = await deployment.startBroker(database.config);
    }

    expect(retried).toHaveLength(48);
    await Promise.all(retried);
    database.verify?.();

    const decisions = await store.listDecisions(1_000_000);
    const decisionById = new Map(decisions.map((decision) => [decision.requestId, decision]));
    expect(decisionById.size).toBe(decisions.length);
    for (const [subject, { status, requestId, body }] of answered) {
      const vendorUserId = body['vendor_user_id'];
      expect(status).toBe(200);
      expect(decisionById.get(requestId)).toMatchObject({ subject, vendorUserId, outcome: 'allowed' });
      expect(await vendorUserOf(subject)).toBe(vendorUserId);
      expect(vitalUsersOf(subject).map(({ userId }) => userId)).toEqual([vendorUserId]);
    }
  });
}
