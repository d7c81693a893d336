import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createConfigFor, startRecordingBroker, type RecordingBroker } from '../support/recording-broker.ts';

type Claims = Readonly<Record<string, string | boolean>>;

const rightClaims = { azp: 'web', kind: 'session', role: 'member' };

let sandbox: Sandbox;
let broker: RecordingBroker;
beforeAll(async () => {
  sandbox = await createSandbox();
  const { vendors, ...config } = createConfigFor(sandbox);
  broker = await startRecordingBroker({
    ...config,
    issuers: [
      {
        issuer: sandbox.urls.idp,
        audiences: ['valetkey'],
        tokenType: 'any',
        clientIds: ['web'],
        clientClaims: ['azp'],
        requiredClaims: { kind: ['session'] },
        forbiddenClaims: [{ claim: 'act' }],
        idTokenMarks: [{ claim: 'id_mark' }],
      },
    ],
    vendors: { nudge: vendors.nudge },
  });
});
afterAll(async () => {
  await broker.broker.close();
  await sandbox.close();
});

/** Tokens with a right signature, issuer and audience that a rule of the issuer's record refuses. */
const wrongTokens: readonly (readonly [string, Claims, RegExp])[] = [
  ["another app's token", { azp: 'canary-app' }, /azp must be web/],
  ['a token that lacks a required claim', { kind: 'canary-kind' }, /kind must be session/],
  ['a token with a forbidden claim', { act: 'canary-actor' }, /the claim act/],
  ["a machine's token", { gty: 'client-credentials' }, /machine/],
  ["an anonymous user's token", { is_anonymous: true }, /anonymous/],
  ['an ID token', { id_mark: true }, /access token/],
];

const mint = (claims: Claims) =>
  sandbox.mintUserToken({ sub: 'alice', typ: 'JWT', claims: { ...rightClaims, ...claims } });

describe('the rules of an issuer record at forward authentication', () => {
  test('/v1/authorize and /v1/resolve let the right token pass', async () => {
    const token = await mint({});
    for (const [path, status] of [
      ['/v1/authorize', 204],
      ['/v1/resolve', 200],
    ] as const) {
      const response = await broker.call(path, token);
      expect([path, response.status]).toEqual([path, status]);
      expect(response.headers.get('x-valetkey-user-id')).toBe('alice');
    }
  });

  test.each(wrongTokens)(
    '/v1/authorize refuses %s with 401 and the message of every other route',
    async (_, claims, words) => {
      const token = await mint(claims);
      const response = await broker.call('/v1/authorize', token);
      expect(response.status).toBe(401);
      expect(response.headers.get('www-authenticate')).toMatch(/^Bearer error="invalid_token"/);
      expect(response.headers.get('x-valetkey-user-id')).toBeNull();
      const text = await response.text();
      expect(text).not.toMatch(/canary|alice/);
      const { code, detail, remediation } = JSON.parse(text) as Record<string, string>;
      expect(code).toBe('invalid_token');
      expect(detail).toMatch(words);
      const session = await broker.call('/v1/session', token);
      expect(await session.json()).toMatchObject({ code, detail, remediation });
    },
  );

  test.each(wrongTokens)('/v1/resolve says of %s that no session is valid, and names no user', async (_, claims) => {
    const response = await broker.call('/v1/resolve', await mint(claims));
    expect([response.status, await response.text()]).toEqual([200, '']);
    expect(response.headers.get('x-valetkey-session-valid')).toBe('false');
    for (const name of ['user-id', 'issuer', 'scope']) expect(response.headers.get(`x-valetkey-${name}`)).toBeNull();
  });
});
