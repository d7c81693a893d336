import { describe, expect, test } from 'vitest';
import type { IssuerOptions } from '@valetkey/core-types';
import { createFakeNetwork, type FakeNetwork } from '../testing/fake-network.ts';
import { createHarness, refusalOf, rejection, testIssuer, type Harness } from '../testing/harness.ts';
import { createSigningKey, signToken, type SigningKey } from '../testing/signing.ts';

const [k1, k2, k3] = [createSigningKey('k1'), createSigningKey('k2'), createSigningKey('k3')];

/** A published key without `kid`. */
function withoutKid({ jwk }: SigningKey): object {
  return { ...jwk, kid: undefined };
}

/** A published key with the `kid` that this provider gives to every key. */
function asDefault({ jwk }: SigningKey): object {
  return { ...jwk, kid: 'default' };
}

interface Setup extends Harness {
  readonly network: FakeNetwork;
  readonly tokenOf: (key: SigningKey, kid: string | undefined) => string;
}

function setUp(published: readonly object[], record: Partial<IssuerOptions> = {}): Setup {
  const network = createFakeNetwork(published);
  const harness = createHarness(
    { jwks: undefined, jwksUri: `${testIssuer}/jwks`, ...record },
    { fetch: network.fetch, random: () => 0.5 },
    k1,
  );
  let serial = 0;
  const tokenOf = (key: SigningKey, kid: string | undefined): string => {
    serial += 1;
    return signToken(key, harness.claims({ jti: `${serial}` }), { kid });
  };
  return { ...harness, network, tokenOf };
}

describe.each<[string, (key: SigningKey) => object, string | undefined]>([
  ['no kid', withoutKid, undefined],
  ['one kid for all keys', asDefault, 'default'],
])('a provider with %s', (_, publish, kid) => {
  test('a token of a new key is accepted at once, with one fetch', async () => {
    const { verifier, network, tokenOf } = setUp([publish(k1)]);
    await verifier.verify(tokenOf(k1, kid));
    network.keys = [publish(k2), publish(k1)];
    await expect(refusalOf(verifier, tokenOf(k2, kid))).resolves.toBeUndefined();
    await expect(refusalOf(verifier, tokenOf(k1, kid))).resolves.toBeUndefined();
    expect(network.calls).toHaveLength(2);
  });

  test('a token of the only key is accepted at once if it replaces the key before', async () => {
    const { verifier, network, tokenOf } = setUp([publish(k1)]);
    await verifier.verify(tokenOf(k1, kid));
    network.keys = [publish(k2)];
    await expect(refusalOf(verifier, tokenOf(k2, kid))).resolves.toBeUndefined();
    expect(network.calls).toHaveLength(2);
  });

  test('a thousand tokens of a new key at one time share one fetch', async () => {
    const { verifier, network, tokenOf } = setUp([publish(k1)]);
    await verifier.warm();
    network.keys = [publish(k2), publish(k1)];
    await Promise.all(Array.from({ length: 1000 }, () => verifier.verify(tokenOf(k2, kid))));
    expect(network.calls).toHaveLength(2);
  });

  test('a second rotation within seconds is identity_unavailable until the next fetch, and never invalid_token', async () => {
    const { verifier, network, tokenOf, clock } = setUp([publish(k1)]);
    await verifier.verify(tokenOf(k1, kid));
    network.keys = [publish(k2), publish(k1)];
    await verifier.verify(tokenOf(k2, kid));
    network.keys = [publish(k3), publish(k2)];
    clock.advance(1000);
    expect(await rejection(verifier.verify(tokenOf(k3, kid)))).toMatchObject({
      code: 'identity_unavailable',
      reason: 'fetch_budget',
      retryAfterSeconds: 14,
      message: `The token may be signed with a new key of ${testIssuer}. Its keys were fetched a moment ago and cannot be fetched again yet.`,
    });
    clock.advance(14_000);
    await expect(refusalOf(verifier, tokenOf(k3, kid))).resolves.toBeUndefined();
  });

  test('every published key is in reach of a token, however many there are', async () => {
    const keys = Array.from({ length: 12 }, (__, index) => createSigningKey(`k${index}`));
    const { verifier, tokenOf } = setUp(keys.map(publish));
    for (const key of keys) await expect(refusalOf(verifier, tokenOf(key, kid))).resolves.toBeUndefined();
  });

  test('a forged token is wrong_signature after one fetch', async () => {
    const { verifier, network, tokenOf } = setUp([publish(k1), publish(k2)]);
    await verifier.warm();
    await expect(refusalOf(verifier, tokenOf(k3, kid))).resolves.toBe('invalid_token wrong_signature');
    expect(network.calls).toHaveLength(2);
  });
});

test('a key whose kid was in use before is accepted if it is published while the signature is verified', async () => {
  const { verifier, network, tokenOf } = setUp([asDefault(k1)]);
  await verifier.warm();
  network.keys = [asDefault(k2)];
  const first = verifier.verify(tokenOf(k2, 'default'));
  await Promise.all([first, verifier.verify(tokenOf(k2, 'default'))]);
  expect(network.calls).toHaveLength(2);
});

describe('forged tokens with the kid of a published key', () => {
  /** Returns a verifier that has just fetched the keys, and a forger whose tokens have an `iat` of that moment and a kid. */
  async function setUpFetched() {
    const harness = setUp([k1.jwk, k2.jwk]);
    const { verifier, clock, claims } = harness;
    await verifier.warm();
    const fetchedAt = clock.nowSeconds();
    let serial = 0;
    const issuedAt = (iat: number | undefined, key = k3): string => {
      serial += 1;
      return signToken(key, claims({ iat, jti: `forged-${serial}` }), { kid: 'k1' });
    };
    /** Uses up the fetch that may follow the first one without a wait. */
    const spend = () => expect(refusalOf(verifier, issuedAt(fetchedAt))).resolves.toBe('invalid_token wrong_signature');
    return { ...harness, fetchedAt, issuedAt, spend };
  }

  test('forged tokens that were issued before the last fetch cause one fetch in 15 seconds, and are all wrong_signature', async () => {
    const { verifier, network, clock, issuedAt, fetchedAt } = await setUpFetched();
    for (let index = 0; index < 140; index += 1) {
      await expect(refusalOf(verifier, issuedAt(fetchedAt - 6))).resolves.toBe('invalid_token wrong_signature');
      clock.advance(100);
    }
    expect(network.calls).toHaveLength(2);
    clock.advance(1000);
    await expect(refusalOf(verifier, issuedAt(fetchedAt - 6))).resolves.toBe('invalid_token wrong_signature');
    expect(network.calls).toHaveLength(3);
  });

  test('forged tokens that were issued after the last fetch cause no further fetch, and valid tokens stay valid', async () => {
    const { verifier, network, clock, issuedAt, tokenOf, spend } = await setUpFetched();
    await spend();
    for (let index = 0; index < 140; index += 1) {
      await expect(refusalOf(verifier, issuedAt(clock.nowSeconds()))).resolves.toBe(
        'identity_unavailable fetch_budget',
      );
      await expect(refusalOf(verifier, tokenOf(k1, 'k1'))).resolves.toBeUndefined();
      clock.advance(100);
    }
    expect(network.calls).toHaveLength(2);
  });

  test('one forged token is wrong_signature after the next fetch, whatever else callers send', async () => {
    const { verifier, clock, issuedAt, spend } = await setUpFetched();
    await spend();
    clock.advance(1000);
    const forged = issuedAt(clock.nowSeconds());
    await expect(refusalOf(verifier, forged)).resolves.toBe('identity_unavailable fetch_budget');
    clock.advance(14_000);
    await spend();
    await expect(refusalOf(verifier, forged)).resolves.toBe('invalid_token wrong_signature');
  });

  test.each<[string, number | undefined, string]>([
    ['with the smallest iat that a token of a newer key can have', -5, 'identity_unavailable fetch_budget'],
    ['with an iat one second before that', -6, 'invalid_token wrong_signature'],
    ['without iat', undefined, 'identity_unavailable fetch_budget'],
  ])(
    'a forged token %s is refused, and the clock of this machine may have been corrected',
    async (_, offset, refusal) => {
      const { verifier, clock, issuedAt, fetchedAt, spend } = await setUpFetched();
      await spend();
      // The machine's clock was wrong when the keys were fetched.
      clock.step(3_600_000);
      const iat = offset === undefined ? undefined : fetchedAt + 3600 + offset;
      await expect(refusalOf(verifier, issuedAt(iat))).resolves.toBe(refusal);
    },
  );

  test.each([5, -5])(
    'a token of a new key with the kid of a known key is never invalid, with a provider whose clock is %i seconds ahead',
    async (aheadSeconds) => {
      const { verifier, network, clock, issuedAt, spend } = await setUpFetched();
      await spend();
      clock.advance(400);
      network.keys = [{ ...k3.jwk, kid: 'k1' }, k2.jwk];
      for (const elapsedMs of [0, 400, 14_199]) {
        clock.advance(elapsedMs);
        const iat = Math.floor(clock.nowSeconds()) + aheadSeconds;
        await expect(refusalOf(verifier, issuedAt(iat))).resolves.toBe('identity_unavailable fetch_budget');
      }
      clock.advance(1);
      const iat = Math.floor(clock.nowSeconds()) + aheadSeconds;
      await expect(refusalOf(verifier, issuedAt(iat))).resolves.toBeUndefined();
      expect(network.calls).toHaveLength(3);
    },
  );
});

test('a wrong signature earns a new key set one fetch before the token is invalid', async () => {
  const { verifier, network, tokenOf, clock } = setUp([k1.jwk]);
  await verifier.warm();
  network.keys = [k1.jwk, k2.jwk];
  await verifier.verify(tokenOf(k2, 'k2'));
  await expect(refusalOf(verifier, tokenOf(k3, 'k1'))).resolves.toBe('identity_unavailable fetch_budget');
  clock.advance(15_000);
  await expect(refusalOf(verifier, tokenOf(k3, 'k1'))).resolves.toBe('invalid_token wrong_signature');
  expect(network.calls).toHaveLength(3);
});

test('a forged token is identity_unavailable during an outage, because a new key may have the kid', async () => {
  const { verifier, network, tokenOf, clock } = setUp([k1.jwk]);
  await verifier.warm();
  network.respond = () => new Response('', { status: 503 });
  clock.advance(60_000);
  await expect(refusalOf(verifier, tokenOf(k3, 'k1'))).resolves.toBe('identity_unavailable status_503');
  await expect(refusalOf(verifier, tokenOf(k1, 'k1'))).resolves.toBeUndefined();
});

test('a forged token is wrong_signature without any fetch if the keys are given as options', async () => {
  const { verifier, key, claims } = createHarness();
  await expect(refusalOf(verifier, signToken(createSigningKey(key.id), claims()))).resolves.toBe(
    'invalid_token wrong_signature',
  );
});

test('keys are fetched from a jwksUri with a query', async () => {
  const jwksUri = `${testIssuer}/keys?appid=1&p=sign_in`;
  const { verifier, network, tokenOf } = setUp([k1.jwk], { jwksUri });
  await verifier.verify(tokenOf(k1, 'k1'));
  expect(network.calls).toEqual([jwksUri]);
});

test('no key is looked for if a token is refused without one', async () => {
  const { verifier, network, claims, clock } = setUp([k1.jwk], { clientIds: ['web'] });
  const now = clock.nowSeconds();
  const good = claims({ client_id: 'web' });
  const refused: [object, object, string][] = [
    [{ exp: now - 60 }, {}, 'expired'],
    [{ nbf: now + 60 }, {}, 'not_yet_valid'],
    [{ iat: now + 60, exp: now + 90 }, {}, 'issued_in_future'],
    [{ exp: now + 1_000_000 }, {}, 'lifetime_too_long'],
    [{ exp: 'soon' }, {}, 'malformed_date'],
    [{ iat: now + 3, exp: now + 2 }, {}, 'malformed_date'],
    [{ aud: 'other' }, {}, 'wrong_audience'],
    [{ client_id: 'other' }, {}, 'wrong_client'],
    [{ sub: '' }, {}, 'malformed_subject'],
    [{ cnf: { jkt: 'x' } }, {}, 'bound_token'],
    [{ iss: 'https://other.example.com' }, {}, 'unknown_issuer'],
    [{}, { typ: 'JWT' }, 'wrong_token_type'],
    [{}, { alg: 'ES512' }, 'algorithm_not_allowed'],
    [{}, { crit: ['exp'] }, 'critical_header'],
    [{}, { kid: '' }, 'malformed_header'],
  ];
  for (const [changes, header, reason] of refused) {
    const token = signToken(k1, { ...good, ...changes }, { kid: 'unknown', ...header });
    await expect(refusalOf(verifier, token)).resolves.toBe(`invalid_token ${reason}`);
  }
  const [header, body] = signToken(k1, good, { kid: 'unknown' }).split('.');
  await expect(refusalOf(verifier, `${header}.${body}.AAAA`)).resolves.toBe('invalid_token wrong_signature');
  await expect(refusalOf(verifier, `${header}.${body}`)).resolves.toBe('invalid_token malformed_token');
  expect(network.calls).toEqual([]);
});
