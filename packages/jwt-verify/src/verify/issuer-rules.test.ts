import type { IssuerOptions } from '@valetkey/core-types';
import { describe, expect, test } from 'vitest';
import { createHarness, refusalOf, rejection, testIssuer } from '../testing/harness.ts';
import { createFakeNetwork } from '../testing/fake-network.ts';
import { createSigningKey, signToken, type SigningKey } from '../testing/signing.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import { createJwtVerifier } from './create-jwt-verifier.ts';
import { parseIssuers } from './verifier-options.ts';

const tenantForm = 'https://login.example.com/{tenantid}/v2.0';
const tenantIssuer = (tenant: string): string => `https://login.example.com/${tenant}/v2.0`;

describe('forms of an issuer', () => {
  test.each(['accounts.example.com', 'http://adfs.example.com/adfs/services/trust', 'urn:example:issuer'])(
    'the issuer %s, which is no https URL, is compared to the letter',
    async (issuer) => {
      const { verifier, token } = createHarness({ issuer });
      await expect(verifier.verify(token({ iss: issuer }))).resolves.toMatchObject({ issuer });
      await expect(refusalOf(verifier, token({ iss: `${issuer}/` }))).resolves.toBe('invalid_token unknown_issuer');
    },
  );

  test('a user is the same principal under every form of the issuer', async () => {
    const { verifier, token } = createHarness({ otherForms: ['id.example.com', `${testIssuer}/`] });
    for (const iss of [testIssuer, 'id.example.com', `${testIssuer}/`]) {
      await expect(verifier.verify(token({ iss }))).resolves.toMatchObject({ issuer: testIssuer, subject: 'alice' });
    }
    expect((await rejection(verifier.verify(token({ iss: 'other' })))).message).toContain('or id.example.com or');
  });

  test('a principal that is revoked is refused under every form of the issuer', async () => {
    const { verifier, token } = createHarness({ otherForms: ['id.example.com'] });
    const other = token({ iss: 'id.example.com' });
    verifier.revoke({ issuer: 'id.example.com', subject: 'alice' });
    await expect(refusalOf(verifier, token())).resolves.toBe('invalid_token revoked');
    await expect(refusalOf(verifier, other)).resolves.toBe('invalid_token revoked');
  });

  test.each([{ jti: 'id-1' }, { jti: undefined }])(
    'one token of another form of the issuer can be revoked, with the claims %j',
    async (changes) => {
      const { verifier, token } = createHarness({ otherForms: ['id.example.com'], subjectClaims: ['uid'] });
      const other = token({ iss: 'id.example.com', uid: 'u-1', ...changes });
      await expect(refusalOf(verifier, other)).resolves.toBeUndefined();
      verifier.revoke({ token: other });
      await expect(refusalOf(verifier, other)).resolves.toBe('invalid_token revoked');
    },
  );

  test.each<[string, Partial<IssuerOptions>, Partial<IssuerOptions>]>([
    ['another form of a record is the issuer of a second record', { otherForms: ['b'] }, { issuer: 'b' }],
    ['two records have the same other form', { otherForms: ['c'] }, { issuer: 'b', otherForms: ['c'] }],
    [
      'an issuer is a tenant of a second record',
      { issuer: tenantIssuer('t-1') },
      { issuer: tenantForm, tenants: { accepted: 'any' } },
    ],
  ])('parseIssuers refuses records if %s', (_, one, other) => {
    const record = { issuer: 'https://a.example.com', audiences: ['api'], jwksUri: 'https://a.example.com/jwks' };
    expect(() =>
      parseIssuers([
        { ...record, ...one },
        { ...record, ...other },
      ]),
    ).toThrow(/only one record, also under its other forms/);
  });

  test('the metadata is fetched from metadataUri, and must name metadataIssuer', async () => {
    const key = createSigningKey('k1');
    const network = createFakeNetwork([key.jwk]);
    const metadataUri = 'https://other.example.com/metadata?p=policy';
    const jwks = 'https://keys.example.com/jwks?p=policy';
    const serve = (issuer: string) => async (url: unknown) =>
      String(url) === metadataUri ? Response.json({ issuer, jwks_uri: jwks }) : network.fetch(String(url));
    const record = { jwks: undefined, metadataUri, metadataIssuer: 'https://sts.example.com/' };
    const right = createHarness(record, { fetch: serve('https://sts.example.com/') as typeof fetch }, key);
    await expect(refusalOf(right.verifier, right.token())).resolves.toBeUndefined();
    expect(network.calls).toEqual([jwks]);
    const wrong = createHarness(record, { fetch: serve(testIssuer) as typeof fetch }, key);
    await expect(refusalOf(wrong.verifier, wrong.token())).resolves.toBe('identity_unavailable other_issuer');
  });
});

const uuid = '5f2c1a9e-0b7d-4c3e-8a61-9d0e2f4b6c8a';

test.each<[string, Partial<IssuerOptions>, object]>([
  ['audience', { audiences: [uuid.toUpperCase()] }, { aud: uuid }],
  ['one of several audiences', { audiences: [uuid] }, { aud: ['api', uuid.toUpperCase()] }],
  ['client id', { clientIds: [uuid.toUpperCase()], clientClaims: ['azp'] }, { azp: uuid }],
  [
    'tenant',
    { issuer: tenantForm, tenants: { accepted: [uuid.toUpperCase()] } },
    { iss: tenantIssuer(uuid), tid: uuid },
  ],
])('a UUID as %s is compared without case', async (_, record, changes) => {
  const { verifier, token } = createHarness(record);
  await expect(refusalOf(verifier, token({ ...changes }))).resolves.toBeUndefined();
});

test.each<[string, Partial<IssuerOptions>, object, string]>([
  ['audience', { audiences: ['API'] }, { aud: 'api' }, 'wrong_audience'],
  ['client id', { clientIds: ['App'] }, { client_id: 'app' }, 'wrong_client'],
  [
    'tenant',
    { issuer: tenantForm, tenants: { accepted: ['T-1'] } },
    { iss: tenantIssuer('t-1'), tid: 't-1' },
    'unknown_tenant',
  ],
])('any other text as %s is compared to the letter', async (_, record, changes, reason) => {
  const { verifier, token } = createHarness(record);
  await expect(refusalOf(verifier, token({ ...changes }))).resolves.toBe(`invalid_token ${reason}`);
});

describe('tenants', () => {
  const tenants = { accepted: ['t-1', 't-2'] };

  test.each([
    [{ iss: tenantIssuer('t-1'), tid: 't-1' }, undefined],
    [{ iss: tenantIssuer('t-2'), tid: 't-2' }, undefined],
    [{ iss: tenantIssuer('t-3'), tid: 't-3' }, 'invalid_token unknown_tenant'],
    [{ iss: tenantIssuer('t-1'), tid: 't-2' }, 'invalid_token unknown_tenant'],
    [{ iss: tenantIssuer('t-1') }, 'invalid_token unknown_tenant'],
    [{ iss: tenantForm, tid: '{tenantid}' }, 'invalid_token unknown_issuer'],
    [{ iss: tenantIssuer('a/b'), tid: 'a/b' }, 'invalid_token unknown_issuer'],
    [{ iss: 'https://sts.example.com/t-1/', tid: 't-1' }, undefined],
  ])('a token with the claims %j gives %s', async (changes, refusal) => {
    const otherForms = ['https://sts.example.com/{tenantid}/'];
    const { verifier, token } = createHarness({ issuer: tenantForm, otherForms, tenants });
    await expect(refusalOf(verifier, token(changes))).resolves.toBe(refusal);
  });

  test('the issuer of the principal is that of its tenant, also under another form', async () => {
    const otherForms = ['https://sts.example.com/{tenantid}/'];
    const { verifier, token } = createHarness({ issuer: tenantForm, otherForms, tenants });
    for (const iss of [tenantIssuer('t-1'), 'https://sts.example.com/t-1/']) {
      await expect(verifier.verify(token({ iss, tid: 't-1' }))).resolves.toMatchObject({ issuer: tenantIssuer('t-1') });
    }
  });

  test('any tenant is accepted only if the record says so', async () => {
    const { verifier, token } = createHarness({ issuer: tenantForm, tenants: { accepted: 'any', claim: 'tenant' } });
    await expect(refusalOf(verifier, token({ iss: tenantIssuer('x'), tenant: 'x' }))).resolves.toBeUndefined();
    await expect(refusalOf(verifier, token({ iss: tenantIssuer('x'), tid: 'x' }))).resolves.toMatch(/unknown_tenant/);
  });

  test.each([
    [tenantForm, undefined],
    [tenantIssuer('t-1'), undefined],
    [tenantIssuer('t-2'), 'invalid_token unknown_key'],
    ['https://other.example.com/{tenantid}/v2.0', 'invalid_token unknown_key'],
  ])('a key that names the issuer %s gives a token of the tenant t-1 the result %s', async (issuer, refusal) => {
    const key = createSigningKey('k1');
    const jwks = { keys: [{ ...key.jwk, issuer }] };
    const { verifier, token } = createHarness({ issuer: tenantForm, tenants, jwks }, {}, key);
    await expect(refusalOf(verifier, token({ iss: tenantIssuer('t-1'), tid: 't-1' }))).resolves.toBe(refusal);
  });

  describe.each<[string, string | undefined]>([
    ['no kid', undefined],
    ['the kid of both keys', 'shared'],
  ])("a fetched key set with two tenants' keys and a token with %s", (form, kid) => {
    const [own, foreign] = [createSigningKey('own'), createSigningKey('foreign')];

    function setUp(issuersOfKeys: readonly (readonly [SigningKey, string])[]) {
      const network = createFakeNetwork([]);
      const harness = createHarness(
        { issuer: tenantForm, tenants, jwks: undefined, jwksUri: 'https://login.example.com/keys' },
        { fetch: network.fetch, random: () => 0.5 },
      );
      const publish = (keys: typeof issuersOfKeys): void => {
        network.keys = keys.map(([{ jwk }, tenant]) => ({ ...jwk, kid, issuer: tenantIssuer(tenant) }));
      };
      publish(issuersOfKeys);
      let serial = 0;
      const tokenOf = (key: SigningKey): string => {
        serial += 1;
        return signToken(key, harness.claims({ iss: tenantIssuer('t-1'), tid: 't-1', jti: `${serial}` }), { kid });
      };
      return { ...harness, network, publish, tokenOf };
    }

    test(`a token with ${form} that the key of another tenant has signed is refused`, async () => {
      const { verifier, tokenOf } = setUp([
        [own, 't-1'],
        [foreign, 't-2'],
      ]);
      await expect(refusalOf(verifier, tokenOf(foreign))).resolves.toBe('invalid_token wrong_signature');
      await expect(refusalOf(verifier, tokenOf(own))).resolves.toBeUndefined();
    });

    test(`a token with ${form} is accepted if its tenant's key is published after another tenant's key`, async () => {
      const { verifier, clock, publish, tokenOf, network } = setUp([[foreign, 't-2']]);
      await verifier.warm();
      await expect(refusalOf(verifier, tokenOf(foreign))).resolves.toBe('invalid_token unknown_key');
      publish([
        [foreign, 't-2'],
        [own, 't-1'],
      ]);
      await expect(refusalOf(verifier, tokenOf(own))).resolves.toBe('identity_unavailable fetch_budget');
      clock.advance(15_000);
      await expect(refusalOf(verifier, tokenOf(own))).resolves.toBeUndefined();
      expect(network.calls).toHaveLength(3);
    });
  });

  test('a key whose issuer is no text is not used', () => {
    const { jwk } = createSigningKey('k1');
    expect(() => createHarness({ jwks: { keys: [{ ...jwk, issuer: 1 }] } })).toThrow(/malformed_key/);
  });
});

test.each<[Partial<IssuerOptions>, object, string | undefined]>([
  [{ clientClaims: ['azp'] }, { azp: 'web' }, undefined],
  [{ clientClaims: ['azp'] }, { azp: 'other', client_id: 'web' }, 'wrong_client'],
  [{ clientClaims: ['azp', 'client_id'] }, { client_id: 'web' }, undefined],
  [{ clientClaims: ['azp', 'client_id'] }, { client_id: 'web', azp: 'web' }, undefined],
  [{ clientClaims: ['azp', 'client_id'] }, { client_id: 'web', azp: 'other' }, 'wrong_client'],
  [{ clientClaims: ['azp', 'client_id'] }, {}, 'wrong_client'],
  [{ clientOptional: true }, {}, undefined],
  [{ clientOptional: true }, { client_id: 'other' }, 'wrong_client'],
])('with clientIds and %j, a token with %j gives %s', async (record, changes, reason) => {
  const { verifier, token } = createHarness({ clientIds: ['web'], ...record });
  await expect(refusalOf(verifier, token({ ...changes }))).resolves.toBe(reason && `invalid_token ${reason}`);
});

const rules: Partial<IssuerOptions> = {
  requiredClaims: { role: ['authenticated'], session: 'any' },
  forbiddenClaims: [{ claim: 'client_id' }, { claim: 'drn', values: ['DSR'] }],
  remediations: { drn: 'Send the session token.' },
};

test.each(['authenticated', ['x', 'authenticated']])(
  'with rules on claims, a token with the role %j is accepted',
  async (role) => {
    const { verifier, token } = createHarness(rules);
    await expect(refusalOf(verifier, token({ role, session: {} }))).resolves.toBeUndefined();
  },
);

test.each<[object, string, string]>([
  [{ role: 'anon', session: {} }, 'missing_claim', "The token's role must be authenticated."],
  [{ role: 'authenticated' }, 'missing_claim', 'The token has no session.'],
  [{ role: 'authenticated', session: {}, client_id: 'x' }, 'forbidden_claim', 'The token has the claim client_id,'],
  [{ role: 'authenticated', session: {}, drn: 'DSR' }, 'forbidden_claim', 'The token has the drn DSR,'],
])('with rules on claims, a token with %j gives %s', async (changes, reason, message) => {
  const { verifier, token } = createHarness(rules);
  const error = await rejection(verifier.verify(token({ ...changes })));
  expect(error).toMatchObject({ reason, message: expect.stringContaining(message) });
  expect(error.remediation === 'Send the session token.').toBe('drn' in changes);
});

test.each<[Partial<IssuerOptions>, object, string | undefined]>([
  [{ requiredHeaders: { typ: ['JWT'] }, tokenType: 'any' }, { typ: 'JWT' }, undefined],
  [{ requiredHeaders: { typ: ['JWT'] }, tokenType: 'any' }, {}, 'wrong_header'],
  [{ requiredHeaders: { x5t: 'any' } }, {}, 'wrong_header'],
  [{ requiredHeaders: { toString: 'any' } as never }, {}, 'wrong_header'],
  [{ forbiddenHeaders: ['nonce'] }, {}, undefined],
  [{ forbiddenHeaders: ['nonce'] }, { nonce: 'n' }, 'wrong_header'],
])('with %j, a token with the header members %j gives %s', async (record, header, reason) => {
  const { verifier, token } = createHarness(record);
  await expect(refusalOf(verifier, token({}, { ...header }))).resolves.toBe(reason && `invalid_token ${reason}`);
});

test.each<[string[], object, string]>([
  [['uid'], { uid: '00u1' }, '00u1'],
  [['oid', 'tid'], { oid: 'a', tid: 'b' }, 'a:b'],
  [['oid', 'tid'], { oid: 'a:b', tid: 'c' }, 'a%3Ab:c'],
  [['oid', 'tid'], { oid: 'a', tid: 'b:c' }, 'a:b%3Ac'],
])('with the subjectClaims %j, the subject of a token with %j is %s', async (subjectClaims, changes, subject) => {
  const { verifier, token } = createHarness({ subjectClaims });
  await expect(verifier.verify(token({ ...changes }))).resolves.toMatchObject({ subject });
});

test.each([{ oid: 'a' }, { oid: 'a', tid: '\ud800' }, { oid: 'a', tid: '' }])(
  'a token with %j has no subject for the subjectClaims oid and tid',
  async (changes) => {
    const { verifier, token } = createHarness({ subjectClaims: ['oid', 'tid'] });
    await expect(refusalOf(verifier, token(changes))).resolves.toBe('invalid_token malformed_subject');
  },
);

describe('machines with subjectClaims of their own', () => {
  const machines = { accepted: true, marks: [{ claim: 'uid', absent: true as const }], subjectClaims: ['cid'] };
  const record: Partial<IssuerOptions> = { subjectClaims: ['uid'], machines };

  test.each<[Partial<IssuerOptions>, object, string]>([
    [record, { uid: '00u1', cid: '0oa1' }, '00u1'],
    [record, { cid: '0oa1' }, 'machine:0oa1'],
    [
      { ...record, machines: { ...machines, subjectClaims: ['cid', 'org'] } },
      { cid: 'a:b', org: 'c' },
      'machine:a%3Ab:c',
    ],
    [{ machines: { accepted: true } }, { sub: 'machine:0oa1' }, 'machine:0oa1'],
  ])('with %j, the subject of a token with %j is %s', async (changes, claims, subject) => {
    const { verifier, token } = createHarness(changes);
    await expect(verifier.verify(token({ ...claims }))).resolves.toMatchObject({ subject });
  });

  test.each([
    ['a user whose subject looks like that of a machine', { uid: 'machine:0oa1', cid: '0oa2' }, 'malformed_subject'],
    ['a machine without these claims', {}, 'malformed_subject'],
    ['a machine whose subject becomes too long', { cid: 'x'.repeat(248) }, 'malformed_subject'],
  ])('%s has no subject', async (_, claims, reason) => {
    const { verifier, token } = createHarness(record);
    await expect(refusalOf(verifier, token(claims))).resolves.toBe(`invalid_token ${reason}`);
  });

  test('explain() says how a machine is named', async () => {
    const { verifier, token } = createHarness(record);
    const { checks } = await verifier.explain(token({ cid: '0oa1' }));
    expect(checks.find(({ check }) => check === 'subject')?.detail).toBe(
      'A subject (uid) of 1 to 255 characters. The subject of a machine is machine: and its cid.',
    );
  });
});

test.each<[string[] | undefined, object, string[]]>([
  [undefined, { scope: 'a b', permissions: ['c'] }, ['a', 'b']],
  [undefined, { scope: { a: 1 } }, []],
  [['scope', 'permissions'], { scope: 'a b', permissions: ['b', 'c', 1] }, ['a', 'b', 'c']],
  [['o.per'], { o: { per: 'read,write other' } }, ['read', 'write', 'other']],
  [['urn:example:roles'], { 'urn:example:roles': { admin: { o: 'x' }, user: {} } }, ['admin', 'user']],
  [['permissions'], { permissions: 1 }, []],
])('with the scopeClaims %j, the scopes of a token with %j are %j', async (scopeClaims, changes, scopes) => {
  const { verifier, token } = createHarness({ scopeClaims });
  await expect(verifier.verify(token({ ...changes }))).resolves.toMatchObject({ scopes });
});

test.each<[Partial<IssuerOptions>, object, string | undefined]>([
  [{}, { client_id: 'alice' }, 'machine_token'],
  [{}, { gty: 'client-credentials' }, 'machine_token'],
  [{}, { idtyp: 'app' }, 'machine_token'],
  [{ machines: { accepted: true } }, { client_id: 'alice' }, undefined],
  [{ machines: { marks: [{ claim: 'sub', endsWith: '@clients' }] } }, { sub: 'x@clients' }, 'machine_token'],
  [{ machines: { marks: [] } }, { client_id: 'alice' }, undefined],
  [{ machines: { marks: [{ claim: 'scp', absent: true }] } }, { scp: null }, 'machine_token'],
  [{ clientIds: ['app'], clientClaims: ['azp', 'client_id'] }, { azp: null, client_id: 'app' }, undefined],
  [{ clientIds: ['app'], clientClaims: ['azp', 'client_id'] }, { azp: null, client_id: null }, 'wrong_client'],
  [{}, { is_anonymous: true }, 'anonymous_user'],
  [{}, { is_anonymous: false }, undefined],
  [{}, { firebase: { sign_in_provider: 'anonymous' } }, 'anonymous_user'],
  [{ anonymous: { accepted: true } }, { is_anonymous: true }, undefined],
])('with %j, a token with %j gives %s', async (record, changes, reason) => {
  const { verifier, token } = createHarness(record);
  await expect(refusalOf(verifier, token({ ...changes }))).resolves.toBe(reason && `invalid_token ${reason}`);
});

test('a mark of the issuer makes tokenType any refuse an ID token', async () => {
  const record: Partial<IssuerOptions> = { tokenType: 'any', idTokenMarks: [{ claim: 'cid', absent: true }] };
  const { verifier, token } = createHarness(record);
  await expect(refusalOf(verifier, token({ cid: 'c' }, { typ: 'JWT' }))).resolves.toBeUndefined();
  await expect(refusalOf(verifier, token({}, { typ: 'JWT' }))).resolves.toBe('invalid_token wrong_token_type');
});

test.each<[object, object, string | undefined]>([
  [{ azp: 'c' }, { typ: 'JWT' }, undefined],
  [{ app: { id: 'c' } }, { typ: undefined }, undefined],
  [{}, { typ: 'at+jwt' }, undefined],
  [{}, { typ: 'JWT' }, 'invalid_token wrong_token_type'],
  [{ app: {} }, { typ: 'JWT' }, 'invalid_token wrong_token_type'],
])('with accessTokenClaims, a token with the claims %j and the header %j gives %s', async (claims, header, refusal) => {
  const { verifier, token } = createHarness({ tokenType: 'any', accessTokenClaims: ['azp', 'app.id'] });
  await expect(refusalOf(verifier, token({ ...claims }, { ...header }))).resolves.toBe(refusal);
});

test('a token with a nonce is an ID token, unless it has a mark of an access token and no mark of an ID token', async () => {
  const record: Partial<IssuerOptions> = { tokenType: 'any', accessTokenMarks: [{ claim: 'scp' }] };
  const { verifier, token } = createHarness(record);
  const reasonOf = (claims: object) => refusalOf(verifier, token({ nonce: 'n', ...claims }, { typ: 'JWT' }));
  await expect(reasonOf({ scp: 'read' })).resolves.toBeUndefined();
  await expect(reasonOf({})).resolves.toBe('invalid_token wrong_token_type');
  for (const claims of [{ at_hash: 'h' }, { c_hash: 'h' }, { s_hash: 'h' }, { typ: 'ID' }, { token_use: 'id' }]) {
    await expect(reasonOf({ scp: 'read', ...claims })).resolves.toBe('invalid_token wrong_token_type');
  }
});

test('a remediation of the issuer replaces the usual one, and one for a claim precedes one for a reason', async () => {
  const remediations = { wrong_audience: 'Ask for our API.', missing_claim: 'Ask for more.', role: 'Ask for a role.' };
  const { verifier, token } = createHarness({ remediations, requiredClaims: { role: 'any', other: 'any' } });
  const remediationOf = async (changes: object) =>
    (await rejection(verifier.verify(token({ ...changes })))).remediation;
  expect(await remediationOf({ aud: 'x' })).toBe('Ask for our API.');
  expect(await remediationOf({})).toBe('Ask for a role.');
  expect(await remediationOf({ role: 'r' })).toBe('Ask for more.');
  expect(await remediationOf({ exp: 1 })).toContain('fresh token');
});

test('the remediations of an issuer do not replace that of an unavailable provider', async () => {
  const clock = createVirtualClock();
  const fetch = createFakeNetwork([]).fetch;
  const issuer = {
    issuer: testIssuer,
    audiences: ['api'],
    jwksUri: `${testIssuer}/jwks`,
    remediations: { closed: 'No.' },
  };
  const verifier = createJwtVerifier({ issuers: [issuer], clock, fetch });
  const now = clock.nowSeconds();
  const token = signToken(createSigningKey('k1'), { iss: testIssuer, sub: 'a', aud: 'api', iat: now, exp: now + 60 });
  await expect(refusalOf(verifier, token)).resolves.toMatch(/^identity_unavailable/);
});

test.each<[string, object, object, string]>([
  ['a shared secret', {}, { alg: 'HS256' }, 'Supabase'],
  ['no audience', { aud: undefined }, {}, 'audiences to null'],
  ['an empty list of audiences', { aud: [] }, {}, 'audiences to null'],
  ['the type of an ID token', {}, { typ: 'JWT' }, "set it to 'id'"],
])('the remediation for a token with %s names the way out', async (_, changes, header, words) => {
  const { verifier, token } = createHarness();
  expect((await rejection(verifier.verify(token({ ...changes }, { ...header })))).remediation).toContain(words);
});

test.each<[Partial<IssuerOptions>, object, string]>([
  [{ clientIds: ['web'] }, {}, 'it has no client_id.'],
  [{ clientIds: ['web', 'app'], clientClaims: ['azp', 'cid'] }, {}, 'it has none of azp, cid.'],
  [{ clientIds: ['web'], clientClaims: ['azp', 'cid'] }, { cid: 'x' }, 'each of azp, cid that it has must be web.'],
  [{ clientIds: ['web', 'app'] }, { client_id: 'x' }, 'its client_id must be web or app.'],
  [{ subjectClaims: ['oid', 'tid'] }, { oid: 'o' }, "The token's oid and tid must each be a non-empty string"],
  [{}, { is_anonymous: true }, 'it has the is_anonymous true.'],
  [{ forbiddenClaims: [{ claim: 'uid', absent: true }] }, {}, 'has no uid, which'],
])('the refusal by %j of a token with %j says what each claim must be', async (record, changes, words) => {
  const { verifier, token } = createHarness(record);
  expect((await rejection(verifier.verify(token({ ...changes })))).message).toContain(words);
});

test('explain() describes the rules of the issuer', async () => {
  const { verifier, token } = createHarness({
    ...rules,
    clientIds: ['web'],
    clientOptional: true,
    subjectClaims: ['oid', 'tid'],
    machines: { accepted: true },
    anonymous: { accepted: true },
  });
  const { checks } = await verifier.explain(token({ exp: 1 }));
  const detailOf = (name: string) => checks.find(({ check }) => check === name)?.detail;
  expect(detailOf('client')).toBe('Issued to web (its client_id), or with no client_id.');
  expect(detailOf('claim-rules')).toBe(
    'Required: role (authenticated), session. Forbidden: the claim client_id, the drn DSR.',
  );
  expect(detailOf('person')).toBe('A token of a signed-in user or of a machine or of an anonymous user.');
  expect(detailOf('subject')).toBe(
    'A subject of oid and tid: each is a non-empty string, and joined they have at most 255 characters.',
  );
});

test.each<[Partial<IssuerOptions>, string]>([
  [{ requiredClaims: { role: 'any' } }, 'Required: role.'],
  [{ forbiddenClaims: [{ claim: 'uid', absent: true }] }, 'Required: uid.'],
  [{ forbiddenClaims: [{ claim: 'act' }] }, 'Forbidden: the claim act.'],
])('explain() describes the rules %j', async (record, detail) => {
  const { verifier, token } = createHarness(record);
  const { checks } = await verifier.explain(token({ exp: 1 }));
  expect(checks).toContainEqual({ check: 'claim-rules', outcome: 'not_reached', detail });
});
