import { expect, test } from 'vitest';
import type { Explanation } from './explain.ts';
import { createHarness, testIssuer } from '../testing/harness.ts';
import { createFakeNetwork } from '../testing/fake-network.ts';
import { verificationSteps } from './verify-token.ts';

const { verifier, token } = createHarness();

function outcomes({ checks }: Explanation): string {
  return checks.map(({ outcome }) => ({ passed: '+', failed: '!', not_reached: '-' })[outcome]).join('');
}

test('lists every check of a token that passes', async () => {
  const explanation = await verifier.explain(token());
  expect(explanation).toMatchObject({ accepted: true, issuer: testIssuer });
  expect(explanation.checks.map(({ check }) => check)).toEqual([...verificationSteps, 'proof']);
  expect(outcomes(explanation)).toBe('+'.repeat(16));
  expect(explanation.checks.find(({ check }) => check === 'audience')).toEqual({
    check: 'audience',
    outcome: 'passed',
    detail: 'An aud that names api.',
  });
});

test.each<[string, string, string]>([
  ['size', 'A'.repeat(20_000), '!---------------'],
  ['form', 'x', '+!--------------'],
  ['header', token({}, '[]'), '++!-------------'],
  ['claims', `${token().split('.')[0]}.W10.AAAA`, '+++!------------'],
  ['issuer', token({ iss: 'x' }), '++++!-----------'],
  ['algorithm', token({}, { alg: 'ES384' }), '+++++!----------'],
  ['type', token({}, { typ: 'JWT' }), '++++++!---------'],
  ['dates', token({ exp: 1 }), '+++++++!--------'],
  ['audience', token({ aud: 'x' }), '++++++++!-------'],
  ['subject', token({ sub: '' }), '++++++++++!-----'],
  ['binding', token({ cnf: {} }), '+++++++++++!----'],
  ['key', token({}, { kid: 'x' }), '++++++++++++!---'],
  ['signature', `${token().slice(0, -86)}${'A'.repeat(86)}`, '+++++++++++++!--'],
])('stops at %s, and says what is wrong and what to change', async (check, text, expected) => {
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

test('stops at the app, where apps are named', async () => {
  const named = createHarness({ clientIds: ['web'] });
  const explanation = await named.verifier.explain(named.token({ client_id: 'other' }));
  expect(outcomes(explanation)).toBe('+++++++++!------');
  expect(explanation.checks.find(({ check }) => check === 'binding')?.detail).toBe('Not bound to a key.');
  const { checks } = await named.verifier.explain(named.token({ client_id: 'web' }));
  expect(checks.find(({ check }) => check === 'client')?.detail).toBe('Issued to web.');
});

test('stops at a revocation', async () => {
  const { verifier: own, token: make } = createHarness();
  own.revoke({ token: make() });
  expect(outcomes(await own.explain(make()))).toBe('++++++++++++++!-');
});

test('tells an unreachable provider from a bad token', async () => {
  const network = createFakeNetwork([]);
  const remote = createHarness({ jwks: undefined }, { fetch: network.fetch });
  const { checks } = await remote.verifier.explain(remote.token());
  expect(checks.find(({ outcome }) => outcome === 'failed')).toMatchObject({
    check: 'key',
    detail: `The identity provider ${testIssuer} does not answer.`,
  });
});

test('says what is asked in the words of the record, before it is known, and where a check is left out', async () => {
  const detailOf = (explanation: Explanation, name: string): string | undefined =>
    explanation.checks.find(({ check }) => check === name)?.detail;
  const unknown = await verifier.explain('x');
  expect(unknown.issuer).toBeUndefined();
  expect(detailOf(unknown, 'algorithm')).toBe('Signed with an algorithm that its issuer’s record allows.');
  expect(detailOf(unknown, 'type')).toBe('Of the kind that its issuer’s record takes.');
  expect(detailOf(unknown, 'dates')).toBe('Within exp, nbf and iat, and not too long a life.');
  expect(detailOf(unknown, 'audience')).toBe('An aud that its issuer’s record names.');
  expect(detailOf(unknown, 'client')).toBe(
    'Issued to one of the apps that its issuer’s record names, if it names any.',
  );
  expect(detailOf(unknown, 'binding')).toBe('Not bound to a key, or bound by DPoP where that is taken.');
  const loose = createHarness({ audiences: null, dpop: {}, algorithms: ['ES256', 'RS256'], tokenType: 'any' });
  const known = await loose.verifier.explain(loose.token());
  expect(detailOf(known, 'audience')).toBe('Any: the record leaves this check out.');
  expect(detailOf(known, 'client')).toBe('Issued to any app.');
  expect(detailOf(known, 'binding')).toBe('Not bound to a key, or bound by DPoP.');
  expect(detailOf(known, 'algorithm')).toBe('Signed with ES256 or RS256.');
  expect(detailOf(known, 'type')).toBe('Of the kind that tokenType any takes.');
  expect(detailOf(known, 'dates')).toBe('Within exp, nbf and iat, give or take 5 seconds, and not too long a life.');
  expect(detailOf(await verifier.explain(token()), 'binding')).toBe('Not bound to a key.');
});

test('tells nothing about the person, and nothing of the token', async () => {
  const changes = { sub: 'canary-1', email: 'canary-2', jti: 'canary-3', aud: 'canary-4' };
  expect(JSON.stringify(await verifier.explain(token(changes)))).not.toContain('canary');
  expect(JSON.stringify(await verifier.explain(token({ ...changes, aud: 'api' })))).not.toContain('canary');
});

test('lets an error of the program through', async () => {
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
