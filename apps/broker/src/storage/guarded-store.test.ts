import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { IssuerOptions } from '@valetkey/core-types';
import { parseIssuers } from '@valetkey/jwt-verify';
import { auth0, cognito, entra, google, okta } from '@valetkey/jwt-verify/providers';
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest';
import { createPostgresSchema, isPostgresAvailable } from '../../test/support/postgres-server.ts';
import { createBroker } from '../create-broker.ts';
import { examine } from '../cli/doctor.ts';
import { parseConfig } from '../config/parse-config.ts';
import { guardPrincipals } from './guarded-store.ts';
import { createPostgresStore } from './postgres-store.ts';
import { createSqliteStore } from './sqlite-store.ts';
import type { Store } from './store.ts';

type Configured = Parameters<typeof guardPrincipals>[2];

const tenant = '11111111-2222-4333-8444-555555555555';
const oktaIssuer = 'https://acme.okta.com/oauth2/default';
const oktaPreset = okta({ domain: 'acme.okta.com' });
const oktaBySub = okta({ domain: 'acme.okta.com', record: { subjectClaims: ['sub'] } });
const cognitoPreset = cognito({ userPoolId: 'eu-central-1_AbCdEfGhI', clientIds: 'c' });
const [updatedForm = ''] = cognitoPreset.otherForms ?? [];
const entraPreset = entra({ tenantIds: tenant, audience: 'a' });
const entraIssuer = `https://login.microsoftonline.com/${tenant}/v2.0`;

/** Defines the tests of the guard over one kind of database. */
function testGuard(kind: string, openDatabase: () => Promise<() => Store>): void {
  let open: () => Store;
  beforeEach(async () => {
    open = await openDatabase();
  });
  const guard = (record: IssuerOptions, migrated: Configured = []) => {
    const store = open();
    onTestFinished(() => store.close());
    return guardPrincipals(store, parseIssuers([record]), migrated);
  };
  const userOf = (issuer: string) => ({ connection: 'vital', vendor: 'vital', issuer, subject: 'alice' });

  test(`over ${kind}, a changed subject rule is refused while users are stored, and accepted once the operator says that they are migrated`, async () => {
    await guard(oktaPreset).addVendorUser(userOf(oktaIssuer), 'one');
    await guard(oktaPreset).checkAndRememberPrincipals();

    const changed = guard(oktaBySub);
    await expect(changed.checkAndRememberPrincipals()).rejects.toThrow(
      /whose subject is uid, and the configuration makes sub/,
    );
    await expect(changed.checkAndRememberPrincipals()).rejects.toThrow(
      /migratedIssuers: \[\{ issuer: "https:\/\/acme\.okta\.com/,
    );
    for (const operation of ['findVendorUser', 'isBlocked', 'check', 'blockUser'] as const) {
      const refused = changed[operation](userOf(oktaIssuer));
      await expect(refused).rejects.toMatchObject({ code: 'overloaded', reason: 'PRINCIPALS_CHANGED' });
    }
    // A sentence about another rule is not about this one.
    await expect(
      guard(oktaBySub, [{ issuer: oktaIssuer, subjectClaims: ['email'] }]).checkAndRememberPrincipals(),
    ).rejects.toThrow(/makes sub/);

    const migrated = guard(oktaBySub, [{ issuer: oktaIssuer, subjectClaims: ['sub'] }]);
    expect(await migrated.findVendorUser(userOf(oktaIssuer))).toBe('one');
    await migrated.checkAndRememberPrincipals();
    // The new rule is remembered, so the operator may remove the setting.
    await guard(oktaBySub).checkAndRememberPrincipals();
    await expect(guard(oktaPreset).checkAndRememberPrincipals()).rejects.toThrow(/whose subject is sub/);
  });

  test(`over ${kind}, another configuration is compared before it is used, and refused while it would make other principals`, async () => {
    const store = guard(oktaPreset);
    await store.addVendorUser(userOf(oktaIssuer), 'one');
    await expect(store.changePrincipals(parseIssuers([oktaBySub]), [])).rejects.toThrow(/makes sub/);
    expect(await store.findVendorUser(userOf(oktaIssuer))).toBe('one');
    await store.checkAndRememberPrincipals();
    await store.changePrincipals(parseIssuers([oktaBySub]), [{ issuer: oktaIssuer, subjectClaims: ['sub'] }]);
    await store.checkAndRememberPrincipals();
    await expect(guard(oktaPreset).checkAndRememberPrincipals()).rejects.toThrow(/whose subject is sub/);
  });

  test(`over ${kind}, a block alone keeps the subject rule, because the blocked user would be let in again`, async () => {
    await guard(oktaPreset).blockUser(userOf(oktaIssuer));
    await expect(guard(oktaBySub).checkAndRememberPrincipals()).rejects.toThrow(
      /without its vendor users and its block/,
    );
  });

  test(`over ${kind}, the users of a database without rules count as users by sub`, async () => {
    const earlier = open();
    await earlier.addVendorUser(userOf(oktaIssuer), 'one');
    await earlier.close();
    await expect(guard(oktaPreset).checkAndRememberPrincipals()).rejects.toThrow(/whose subject is sub/);
    await guard(oktaBySub).checkAndRememberPrincipals();
  });

  test(`over ${kind}, the subject rule of an issuer without users may change`, async () => {
    await guard(oktaPreset).checkAndRememberPrincipals();
    await guard(oktaBySub).checkAndRememberPrincipals();
    await guard(oktaBySub).addVendorUser(userOf(oktaIssuer), 'one');
    await expect(guard(oktaPreset).checkAndRememberPrincipals()).rejects.toThrow(/whose subject is sub/);
  });

  test(`over ${kind}, issuer and other forms cannot be swapped while users are stored`, async () => {
    const { issuer } = cognitoPreset;
    await guard(cognitoPreset).addVendorUser(userOf(issuer), 'one');
    const swapped = { ...cognitoPreset, issuer: updatedForm, otherForms: [issuer] };
    await expect(guard(swapped).checkAndRememberPrincipals()).rejects.toThrow(
      `whose issuer is ${issuer}, and the configuration has it as another form of ${updatedForm}`,
    );
    await guard(swapped, [{ issuer: updatedForm, subjectClaims: ['sub'] }]).checkAndRememberPrincipals();
    await guard(cognitoPreset).checkAndRememberPrincipals();
  });

  test(`over ${kind}, the tenants of a record are compared with the rule of the record, and with that of a record for one tenant`, async () => {
    await guard(entraPreset).addVendorUser(userOf(entraIssuer), 'one');
    await guard(entraPreset).checkAndRememberPrincipals();
    await expect(guard({ ...entraPreset, subjectClaims: ['sub'] }).checkAndRememberPrincipals()).rejects.toThrow(
      /is oid tid/,
    );
    const oneTenant = { issuer: entraIssuer, audiences: ['a'] };
    await expect(guard(oneTenant).checkAndRememberPrincipals()).rejects.toThrow(/is oid tid/);
    await guard({ ...oneTenant, subjectClaims: ['oid', 'tid'] }).checkAndRememberPrincipals();
    const renamed = { ...entraPreset, issuer: 'https://login.microsoftonline.com/{tenant}/v2.0' };
    await guard(renamed).checkAndRememberPrincipals();
    const swapped = {
      ...entraPreset,
      issuer: 'https://sts.windows.net/{tenantid}/',
      otherForms: ['https://login.microsoftonline.com/{tenantid}/v2.0'],
    };
    await expect(guard(swapped).checkAndRememberPrincipals()).rejects.toThrow(
      /another form of https:\/\/sts\.windows\.net/,
    );
  });

  test(`over ${kind}, users of issuers that the configuration does not name are left alone`, async () => {
    await guard(google({ clientIds: 'c' })).addVendorUser(userOf('https://other.example.com'), 'one');
    const other = guard(auth0({ domain: 'tenant.eu.auth0.com', audience: 'a' }));
    await expect(other.checkAndRememberPrincipals()).resolves.toBeUndefined();
  });
}

describe('the guard over SQLite', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
  });
  afterEach(() => rm(folder, { recursive: true }));
  testGuard('SQLite', async () => () => createSqliteStore(join(folder, 'valetkey.sqlite')));

  test('a broker does not start, and `doctor` reports the store, while the subject rule of stored users is changed', async () => {
    const path = join(folder, 'valetkey.sqlite');
    const configWith = (issuer: object) => ({
      listen: { port: 0 },
      admin: { port: 0 },
      log: { level: 'silent' },
      store: { sqlite: path },
      issuers: [issuer],
      vendors: { nudge: { apiKey: 'some-api-key' } },
    });
    const preset = { provider: 'okta', domain: 'acme.okta.com' };
    const store = createSqliteStore(path);
    await guardPrincipals(store, parseIssuers([oktaPreset]), []).addVendorUser(
      { connection: 'vital', vendor: 'vital', issuer: oktaIssuer, subject: 'alice' },
      'one',
    );
    await store.close();

    const changed = configWith({ ...preset, record: { subjectClaims: ['sub'] } });
    await expect(createBroker(changed).listen()).rejects.toThrow(
      /^The configuration cannot be used:\n {2}issuers: .*uid/,
    );
    const [finding] = await examine(parseConfig(changed));
    expect(finding).toMatchObject({
      part: 'store',
      outcome: 'failed',
      detail: expect.stringContaining('migratedIssuers'),
    });
    const [kept] = await examine(parseConfig(configWith(preset)));
    expect(kept).toMatchObject({ part: 'store', outcome: 'passed' });
  });
});

describe.skipIf(!(await isPostgresAvailable()))('the guard over PostgreSQL', () => {
  testGuard('PostgreSQL', async () => {
    const { url, drop } = await createPostgresSchema();
    onTestFinished(drop);
    return () => createPostgresStore({ url, maxConnections: 2 });
  });
});
