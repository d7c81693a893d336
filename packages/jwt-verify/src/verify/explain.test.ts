import { expect, test } from 'vitest';
import { createFakeNetwork } from '../testing/fake-network.ts';
import { createHarness, testIssuer } from '../testing/harness.ts';
import { createJwtVerifier } from './create-jwt-verifier.ts';
import type { Explanation } from './explain.ts';

const { verifier, token } = createHarness();

function outcomes({ checks }: Explanation): string {
  return checks.map(({ outcome }) => ({ passed: '+', failed: '!', not_reached: '-' })[outcome]).join('');
}

function detailOf({ checks }: Explanation, name: string): string | undefined {
  return checks.find(({ check }) => check === name)?.detail;
}

test('explain() lists every check of an accepted token in the order of verification', async () => {
  const explanation = await verifier.explain(token());
  expect(explanation).toMatchObject({ accepted: true, issuer: testIssuer });
  expect(explanation.checks.map(({ check }) => check)).toEqual([
    'size',
    'form',
    'header',
    'claims',
    'issuer',
    'algorithm',
    'type',
    'dates',
    'audience',
    'client',
    'claim-rules',
    'person',
    'subject',
    'binding',
    'key',
    'signature',
    'revocation',
    'proof',
  ]);
  expect(outcomes(explanation)).toBe('+'.repeat(18));
  expect(explanation.checks.find(({ check }) => check === 'audience')).toEqual({
    check: 'audience',
    outcome: 'passed',
    detail: 'An aud that names api.',
  });
});

test.each<[string, string, string]>([
  ['size', 'A'.repeat(20_000), '!-----------------'],
  ['form', 'x', '+!----------------'],
  ['header', token({}, '[]'), '++!---------------'],
  ['claims', `${token().split('.')[0]}.W10.AAAA`, '+++!--------------'],
  ['issuer', token({ iss: 'x' }), '++++!-------------'],
  ['algorithm', token({}, { alg: 'ES512' }), '+++++!------------'],
  ['type', token({}, { typ: 'JWT' }), '++++++!-----------'],
  ['dates', token({ exp: 1 }), '+++++++!----------'],
  ['audience', token({ aud: 'x' }), '++++++++!---------'],
  ['subject', token({ sub: '' }), '++++++++++++!-----'],
  ['binding', token({ cnf: {} }), '+++++++++++++!----'],
  ['key', token({}, { kid: 'x' }), '++++++++++++++!---'],
  ['signature', `${token().slice(0, -86)}${'A'.repeat(86)}`, '+++++++++++++++!--'],
])('explain() reports %s as the failed check, with a detail and a remediation', async (check, text, expected) => {
  const explanation = await verifier.explain(text);
  expect(outcomes(explanation)).toBe(expected);
  expect(explanation.accepted).toBe(false);
  const failed = explanation.checks.find(({ outcome }) => outcome === 'failed');
  expect(failed).toMatchObject({
    check,
    detail: expect.stringMatching(/\.$/),
    remediation: expect.stringMatching(/\.$/),
  });
});

test('explain() reports client as the failed check for a token of another app', async () => {
  const named = createHarness({ clientIds: ['web'] });
  const explanation = await named.verifier.explain(named.token({ client_id: 'other' }));
  expect(outcomes(explanation)).toBe('+++++++++!--------');
  expect(detailOf(explanation, 'binding')).toBe('Not bound to a key.');
  const accepted = await named.verifier.explain(named.token({ client_id: 'web' }));
  expect(detailOf(accepted, 'client')).toBe('Issued to web (its client_id).');
});

test('explain() reports revocation as the failed check for a revoked token', async () => {
  const { verifier: own, token: make } = createHarness();
  own.revoke({ token: make() });
  expect(outcomes(await own.explain(make()))).toBe('++++++++++++++++!-');
});

test('explain() lists the checks of a JWT for a token that is too long, also if opaque tokens are accepted', async () => {
  const introspection = { endpoint: `${testIssuer}/introspect`, clientId: 'c', clientSecret: 's' };
  const opaque = createHarness({ introspection });
  expect(outcomes(await opaque.verifier.explain('A'.repeat(20_000)))).toBe('!-----------------');
});

test('explain() reports an unavailable identity provider as a failed check of the key', async () => {
  const network = createFakeNetwork([]);
  const remote = createHarness({ jwks: undefined }, { fetch: network.fetch });
  const { checks } = await remote.verifier.explain(remote.token());
  expect(checks.find(({ outcome }) => outcome === 'failed')).toMatchObject({
    check: 'key',
    detail: `The identity provider ${testIssuer} gives no usable response.`,
  });
});

test('explain() describes the checks without settings if the issuer is not known', async () => {
  const unknown = await verifier.explain('x');
  expect(unknown.issuer).toBeUndefined();
  expect(detailOf(unknown, 'algorithm')).toBe('Signed with one of the algorithms of its issuer.');
  expect(detailOf(unknown, 'type')).toBe('A token of a kind that the tokenType of its issuer accepts.');
  expect(detailOf(unknown, 'dates')).toBe('Within exp, nbf and iat, and with a lifetime within the limit.');
  expect(detailOf(unknown, 'audience')).toBe('An aud that is among the audiences of its issuer.');
  expect(detailOf(unknown, 'client')).toBe(
    'Issued to one of the clientIds of its issuer, if its issuer has clientIds.',
  );
  expect(detailOf(unknown, 'binding')).toBe('Not bound to a key, or bound by DPoP if its issuer allows that.');
});

test('explain() describes the checks with the settings of the issuer', async () => {
  const loose = createHarness({ audiences: null, dpop: {}, algorithms: ['ES256', 'RS256'], tokenType: 'any' });
  const known = await loose.verifier.explain(loose.token());
  expect(detailOf(known, 'audience')).toBe('Any aud: audiences is null, which disables this check.');
  expect(detailOf(known, 'client')).toBe('Issued to any app.');
  expect(detailOf(known, 'binding')).toBe('Not bound to a key, or bound by DPoP.');
  expect(detailOf(known, 'algorithm')).toBe('Signed with ES256 or RS256.');
  expect(detailOf(known, 'type')).toBe('A token of a kind that tokenType "any" accepts.');
  expect(detailOf(known, 'dates')).toBe(
    'Within exp, nbf and iat, with a tolerance of 5 seconds, and with a lifetime within the limit.',
  );
  expect(detailOf(await verifier.explain(token()), 'binding')).toBe('Not bound to a key.');
  const strict = createHarness({ clockToleranceSeconds: 1 });
  expect(detailOf(await strict.verifier.explain(strict.token()), 'dates')).toContain('a tolerance of 1 second,');
});

test('explain() describes the binding that dpop.required demands', async () => {
  const required = createHarness({ dpop: { required: true } });
  const explanation = await required.verifier.explain(required.token({ aud: 'x' }));
  expect(detailOf(explanation, 'binding')).toBe('Bound to a key by DPoP.');
});

test('explain() shows the iss, aud, typ, alg and lifetime of the token beside what is accepted', async () => {
  const { token: shown } = await verifier.explain(token({ aud: 'other' }));
  expect(shown).toEqual({ iss: testIssuer, aud: 'other', app: {}, typ: 'at+jwt', alg: 'ES256', lifetimeSeconds: 300 });
  const header = Buffer.from('{"alg":"dir","enc":"A256GCM"}').toString('base64url');
  const encrypted = await verifier.explain(`${header}..AA.AA.AA`);
  expect(encrypted.token).toEqual({ app: {}, alg: 'dir' });
  expect((await verifier.explain('opaque')).token).toBeUndefined();
  expect((await verifier.explain(undefined as never)).token).toBeUndefined();
  expect((await verifier.explain(token({ iat: undefined }))).token).not.toHaveProperty('lifetimeSeconds', 300);
});

test('explain() says what is accepted of each member that it shows of a token', async () => {
  const expected = {
    iss: testIssuer,
    aud: 'api',
    typ: 'at+jwt',
    alg: 'RS256 or ES256 or ES384 or EdDSA',
    lifetime: 'at most 86400 seconds',
  };
  expect((await verifier.explain(token())).expected).toEqual(expected);
  expect((await verifier.explain(token({ iss: 'x' }))).expected, 'only one issuer is configured').toEqual(expected);
  const loose = createHarness({ audiences: null, tokenType: 'any', maxLifetimeSeconds: null });
  expect((await loose.verifier.explain(loose.token())).expected).toMatchObject({
    aud: 'any',
    typ: 'at+jwt, JWT or none, and no ID token',
    lifetime: 'any',
  });
  const id = createHarness({ tokenType: 'id' });
  expect((await id.verifier.explain(id.token())).expected.typ).toBe('JWT or none, and an ID token');
});

test('explain() names only the accepted issuers for a token that names none of several', async () => {
  const several = createJwtVerifier({
    issuers: [
      { issuer: testIssuer, audiences: ['api'] },
      { issuer: 'https://b.example', audiences: ['b'] },
    ],
  });
  const { expected } = await several.explain('x');
  expect(expected).toEqual({ iss: `${testIssuer} or https://b.example` });
});

test('explain() contains nothing about the user', async () => {
  const changes = { sub: 'canary-1', email: 'canary-2', jti: 'canary-3', aud: 'other' };
  expect(JSON.stringify(await verifier.explain(token(changes)))).not.toContain('canary');
  expect(JSON.stringify(await verifier.explain(token({ ...changes, aud: 'api' })))).not.toContain('canary');
});

test('explain() rejects with the error of a clock that throws', async () => {
  const broken = createHarness(
    {},
    {
      clock: {
        nowMs: () => {
          throw new RangeError('clock');
        },
        monotonicMs: () => 0,
      },
    },
  );
  await expect(broken.verifier.explain(token())).rejects.toThrow('clock');
});

test('explain() shows the claims by which a token names its app', async () => {
  const { token: shown } = await verifier.explain(token({ azp: 'web', appid: 7, sub: 'alice' }));
  expect(shown?.app).toEqual({ azp: 'web', appid: 7 });
});
