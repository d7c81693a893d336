import { describe, expect, test } from 'vitest';
import type { IssuerOptions } from '@valetkey/core-types';
import type { JwtVerifierEvent } from './key-events.ts';
import type { JwtVerifierOptions } from '../verify/verifier-options.ts';
import { createFakeNetwork, refuseConnection, type FakeNetwork } from '../testing/fake-network.ts';
import { createHarness, refusalOf, rejection, testIssuer, type Harness } from '../testing/harness.ts';
import { createSigningKey, signToken, type SigningKey } from '../testing/signing.ts';

const [k1, k2, k3] = [createSigningKey('k1'), createSigningKey('k2'), createSigningKey('k3')];

interface Setup extends Harness {
  readonly network: FakeNetwork;
  readonly events: JwtVerifierEvent[];
  readonly tokenOf: (key: SigningKey, header?: Record<string, unknown>) => string;
}

function setUp(record: Partial<IssuerOptions> = {}, options: Partial<JwtVerifierOptions> = {}): Setup {
  const network = createFakeNetwork([k1.jwk]);
  const events: JwtVerifierEvent[] = [];
  const harness = createHarness(
    { jwks: undefined, jwksUri: `${testIssuer}/jwks`, maxLifetimeSeconds: null, ...record },
    { fetch: network.fetch, random: () => 0.5, onEvent: (event) => events.push(event), ...options },
    k1,
  );
  let serial = 0;
  const tokenOf = (key: SigningKey, header?: Record<string, unknown>): string => {
    serial += 1;
    return signToken(key, harness.claims({ exp: harness.clock.nowSeconds() + 1_000_000, jti: `${serial}` }), header);
  };
  return { ...harness, network, events, tokenOf };
}

/** Waits until work that was started in the background has settled. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  await new Promise(setImmediate);
}

const down = (): Response => new Response('', { status: 503 });

describe('first fetch', () => {
  test('keys are fetched once for a thousand tokens at the same time', async () => {
    const { verifier, network, tokenOf } = setUp();
    await Promise.all(Array.from({ length: 1000 }, () => verifier.verify(tokenOf(k1))));
    expect(network.calls).toEqual([`${testIssuer}/jwks`]);
  });

  test('warm() fetches the keys before the first token', async () => {
    const { verifier, network, tokenOf, clock } = setUp();
    await expect(verifier.warm()).resolves.toEqual([
      { issuer: testIssuer, keys: 1, ageSeconds: 0, stale: false, lastFailure: null },
    ]);
    await verifier.warm();
    clock.advance(7000);
    await verifier.verify(tokenOf(k1));
    expect(network.calls).toHaveLength(1);
    expect(verifier.status()).toMatchObject([{ ageSeconds: 7 }]);
  });

  test('a token is identity_unavailable, and not invalid_token, if the first fetch of keys failed', async () => {
    const { verifier, network, tokenOf, events } = setUp();
    network.respond = refuseConnection;
    await expect(verifier.warm()).resolves.toEqual([
      { issuer: testIssuer, keys: 0, ageSeconds: null, stale: false, lastFailure: 'ECONNREFUSED' },
    ]);
    expect(await rejection(verifier.verify(tokenOf(k1)))).toMatchObject({
      code: 'identity_unavailable',
      status: 503,
      reason: 'ECONNREFUSED',
      retryAfterSeconds: 1,
      message: `The identity provider ${testIssuer} gives no usable response.`,
    });
    expect(events).toEqual([{ type: 'keys_fetch_failed', issuer: testIssuer, reason: 'ECONNREFUSED' }]);
  });

  test('a failed first fetch is repeated after a back-off that doubles up to a bound, with full jitter', async () => {
    const { verifier, network, tokenOf, clock } = setUp();
    network.respond = down;
    const attemptsAt: number[] = [];
    const startedAt = clock.nowSeconds();
    for (let tick = 0; tick < 240; tick += 1) {
      const before = network.calls.length;
      await expect(refusalOf(verifier, tokenOf(k1))).resolves.toBe('identity_unavailable status_503');
      if (network.calls.length > before) attemptsAt.push(clock.nowSeconds() - startedAt);
      clock.advance(250);
    }
    // With a jitter of one half, the bounds of 1, 2, 4 ... seconds are halved. After five fetches the budget allows one in 15 s.
    expect(attemptsAt).toEqual([0, 0.5, 1.5, 3.5, 7.5, 15, 30, 45]);
    expect(network.calls).toHaveLength(8);
  });

  test('without known keys, five fetches follow each other without a wait, and then one starts per 15 seconds, also if the jitter is zero', async () => {
    const { verifier, network, tokenOf, clock } = setUp({}, { random: () => 0 });
    network.respond = down;
    for (let tick = 0; tick < 600; tick += 1) {
      await refusalOf(verifier, tokenOf(k1));
      clock.advance(100);
    }
    expect(network.calls).toHaveLength(8);
    await refusalOf(verifier, tokenOf(k1));
    expect(network.calls).toHaveLength(9);
  });

  test('retryAfterSeconds is the time until the next fetch may start', async () => {
    const { verifier, network, tokenOf, clock } = setUp({}, { random: () => 0.999 });
    network.respond = down;
    for (const seconds of [1, 2, 4, 8, 15, 15]) {
      expect((await rejection(verifier.verify(tokenOf(k1)))).retryAfterSeconds).toBe(seconds);
      clock.advance(seconds * 1000);
    }
  });

  test('a token is accepted by the first fetch after the provider has recovered', async () => {
    const { verifier, network, tokenOf, clock } = setUp();
    network.respond = down;
    await refusalOf(verifier, tokenOf(k1));
    network.respond = undefined;
    await expect(refusalOf(verifier, tokenOf(k1))).resolves.toBe('identity_unavailable status_503');
    clock.advance(500);
    await expect(refusalOf(verifier, tokenOf(k1))).resolves.toBeUndefined();
    expect(verifier.status()).toMatchObject([{ keys: 1, lastFailure: null }]);
  });
});

describe('renewal', () => {
  test('keys are renewed in the background before the soft TTL, and no caller waits', async () => {
    const { verifier, network, tokenOf, clock } = setUp();
    await verifier.warm();
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    network.gate = gate;
    clock.advance(494_000);
    await verifier.verify(tokenOf(k1));
    expect(network.calls).toHaveLength(1);
    clock.advance(1000);
    await verifier.verify(tokenOf(k1));
    expect(network.calls).toHaveLength(2);
    await verifier.verify(tokenOf(k1));
    expect(network.calls).toHaveLength(2);
    open();
    await settle();
    expect(verifier.status()).toMatchObject([{ ageSeconds: 0 }]);
  });

  test('renewal is spread over 15 percent of the soft TTL', async () => {
    for (const [random, renewalAtSeconds] of [
      [0, 450],
      [0.999, 539.91],
    ] as const) {
      const { verifier, network, tokenOf, clock } = setUp({}, { random: () => random });
      await verifier.warm();
      clock.advance(renewalAtSeconds * 1000 - 100);
      await verifier.verify(tokenOf(k1));
      expect(network.calls).toHaveLength(1);
      clock.advance(100);
      await verifier.verify(tokenOf(k1));
      expect(network.calls).toHaveLength(2);
    }
  });

  test('verify() of a known token starts renewal', async () => {
    const { verifier, network, tokenOf, clock } = setUp({}, { cache: { maxAgeSeconds: 100_000 } });
    const token = tokenOf(k1);
    await verifier.verify(token);
    clock.advance(495_000);
    await verifier.verify(token);
    expect(network.calls).toHaveLength(2);
  });

  test('a withdrawn key is refused after the soft TTL, because callers wait for renewal', async () => {
    const { verifier, network, tokenOf, clock } = setUp({}, { cache: { maxAgeSeconds: 100_000 } });
    const token = tokenOf(k1);
    await verifier.verify(token);
    network.keys = [k2.jwk];
    clock.advance(599_000);
    await verifier.verify(token);
    await settle();
    await expect(refusalOf(verifier, token)).resolves.toBe('invalid_token unknown_key');

    const idle = setUp({}, { cache: { maxAgeSeconds: 100_000 } });
    await idle.verifier.verify(token);
    idle.network.keys = [k2.jwk];
    idle.clock.advance(600_000);
    await expect(refusalOf(idle.verifier, token)).resolves.toBe('invalid_token unknown_key');
  });

  test('renewal keeps verified tokens whose key is still published', async () => {
    const { verifier, network, tokenOf, clock } = setUp({}, { cache: { maxAgeSeconds: 100_000 } });
    const token = tokenOf(k1);
    const principal = await verifier.verify(token);
    network.keys = [k2.jwk, k1.jwk];
    clock.advance(600_000);
    await verifier.verify(tokenOf(k2));
    expect(network.calls).toHaveLength(2);
    await expect(verifier.verify(token)).resolves.toBe(principal);
  });
});

describe('a known token', () => {
  const longCache = { cache: { maxAgeSeconds: 1e6 } };

  test('verify() returns a known principal while renewal is under way, and waits for the renewal after the soft TTL', async () => {
    const { verifier, network, tokenOf, clock } = setUp({}, longCache);
    const token = tokenOf(k1);
    const principal = await verifier.verify(token);
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    network.gate = gate;
    clock.advance(495_000);
    await expect(verifier.verify(token)).resolves.toBe(principal);
    for (const seconds of [0.5, 1.5, 100, 2.9]) {
      clock.advance(seconds * 1000);
      await expect(verifier.verify(token)).resolves.toBe(principal);
    }
    clock.advance(100);
    const waiting = Symbol('waiting');
    const verification = verifier.verify(token);
    await expect(Promise.race([verification, settle().then(() => waiting)])).resolves.toBe(waiting);
    open();
    await expect(verification).resolves.toMatchObject({ subject: 'alice' });
    expect(network.calls).toHaveLength(2);
  });

  test('verify() returns a known principal during an outage, and fetches continue until the outage ends', async () => {
    const { verifier, network, tokenOf, clock } = setUp({}, longCache);
    const token = tokenOf(k1);
    const principal = await verifier.verify(token);
    network.respond = down;
    clock.advance(600_000);
    const again = await verifier.verify(token);
    expect(again).not.toBe(principal);
    for (let second = 0; second < 400; second += 1) {
      clock.advance(1000);
      await expect(verifier.verify(token)).resolves.toBe(again);
      await settle();
    }
    expect(network.calls.length).toBeGreaterThan(8);
    network.respond = undefined;
    clock.advance(60_000);
    await verifier.verify(token);
    await settle();
    expect(verifier.status()).toMatchObject([{ ageSeconds: 0, stale: false }]);
    await expect(verifier.verify(token)).resolves.toBe(again);
  });

  test('verify() returns a known principal and never waits if the soft TTL is shorter than the usual time between fetches', async () => {
    const { verifier, network, tokenOf, clock } = setUp({ keysSoftTtlSeconds: 10 }, longCache);
    const token = tokenOf(k1);
    const principal = await verifier.verify(token);
    const fetchedAt: number[] = [];
    for (let tick = 1; tick <= 320; tick += 1) {
      clock.advance(125);
      const before = network.calls.length;
      await expect(verifier.verify(token)).resolves.toBe(principal);
      await settle();
      if (network.calls.length > before) fetchedAt.push(tick / 8);
    }
    expect(fetchedAt).toEqual([8.25, 16.5, 24.75, 33]);
  });
});

describe('an outage', () => {
  test('no valid token is refused, and no caller waits, during an outage of more than twice the soft TTL', async () => {
    const { verifier, network, tokenOf, clock } = setUp();
    const old = tokenOf(k1);
    await verifier.verify(old);
    network.respond = down;
    for (let second = 0; second < 1300; second += 1) {
      clock.advance(1000);
      await expect(refusalOf(verifier, tokenOf(k1))).resolves.toBeUndefined();
      await expect(refusalOf(verifier, old)).resolves.toBeUndefined();
    }
    expect(verifier.status()).toMatchObject([{ keys: 1, ageSeconds: 1300, stale: true, lastFailure: 'status_503' }]);
    expect(network.calls.length).toBeLessThan(45);
  });

  test('only the first caller waits if the first failed fetch is after the soft TTL', async () => {
    const { verifier, network, tokenOf, clock } = setUp();
    await verifier.warm();
    clock.advance(700_000);
    network.respond = down;
    await expect(refusalOf(verifier, tokenOf(k1))).resolves.toBeUndefined();
    expect(network.calls).toHaveLength(2);
    network.gate = new Promise(() => {});
    clock.advance(60_000);
    await expect(refusalOf(verifier, tokenOf(k1))).resolves.toBeUndefined();
    expect(network.calls).toHaveLength(3);
    await expect(refusalOf(verifier, tokenOf(k1))).resolves.toBeUndefined();
    expect(network.calls).toHaveLength(3);
  });

  test('keys are no longer stale after the first successful fetch', async () => {
    const { verifier, network, tokenOf, clock } = setUp();
    await verifier.warm();
    network.respond = down;
    clock.advance(1_000_000);
    await verifier.verify(tokenOf(k1));
    network.respond = undefined;
    clock.advance(60_000);
    await verifier.verify(tokenOf(k1));
    await settle();
    expect(verifier.status()).toMatchObject([{ ageSeconds: 0, stale: false, lastFailure: null }]);
  });

  test('a known token is identity_unavailable after the stale limit', async () => {
    const { verifier, network, tokenOf, clock } = setUp({ keysStaleSeconds: 3600 }, { cache: { maxAgeSeconds: 1e6 } });
    const token = tokenOf(k1);
    await verifier.verify(token);
    network.respond = down;
    clock.advance(3_599_000);
    await expect(refusalOf(verifier, token)).resolves.toBeUndefined();
    clock.advance(1000);
    await expect(refusalOf(verifier, token)).resolves.toBe('identity_unavailable status_503');
    expect(verifier.status()).toMatchObject([{ keys: 0, stale: false }]);
  });

  test('a token with an unknown kid is identity_unavailable during an outage, because its key may be new', async () => {
    const { verifier, network, tokenOf, clock } = setUp();
    await verifier.warm();
    network.respond = down;
    clock.advance(60_000);
    await expect(refusalOf(verifier, tokenOf(k2))).resolves.toBe('identity_unavailable status_503');
    network.respond = undefined;
    network.keys = [k1.jwk, k2.jwk];
    clock.advance(60_000);
    await expect(refusalOf(verifier, tokenOf(k2))).resolves.toBeUndefined();
  });

  test('known keys remain in use if the provider publishes an empty set', async () => {
    const { verifier, network, tokenOf, clock } = setUp();
    await verifier.warm();
    network.keys = [];
    clock.advance(1_200_000);
    await expect(refusalOf(verifier, tokenOf(k1))).resolves.toBeUndefined();
    expect(verifier.status()).toMatchObject([{ lastFailure: 'no_usable_keys' }]);
  });

  test.each<[string, object[], string, string]>([
    ['101 keys', Array(101).fill(k1.jwk), 'not_a_key_set', 'without a JWK Set of at most 100 keys.'],
    ['no keys', [], 'no_usable_keys', 'It is empty.'],
    [
      'only keys that cannot be used',
      [{ kty: 'oct', kid: 'a' }, { kty: 'oct' }, { ...k1.jwk, use: 'enc' }],
      'no_usable_keys',
      'Each of its keys is refused (unsupported_type, not_for_signatures).',
    ],
  ])(
    'status() and the error say why the key set of a provider that publishes %s is not used',
    async (_, keys, failure, words) => {
      const { verifier, network, tokenOf } = setUp();
      network.keys = keys;
      const { reason, advice } = await rejection(verifier.verify(tokenOf(k1)));
      expect(reason).toBe(failure);
      expect(advice).toContain(words);
      expect(verifier.status()).toMatchObject([{ lastFailureDetail: advice }]);
    },
  );

  test('fetches during an outage back off up to one per minute while keys are known', async () => {
    const { verifier, network, tokenOf, clock } = setUp({}, { random: () => 0.999 });
    await verifier.warm();
    network.respond = down;
    clock.advance(600_000);
    for (let second = 0; second < 1000; second += 1) {
      await verifier.verify(tokenOf(k1));
      clock.advance(1000);
    }
    // A fetch at 0 s, two after back-offs of 1 s and 2 s (which the budget delays to 30 s), and then up to one per minute.
    expect(network.calls.length).toBeGreaterThan(15);
    expect(network.calls.length).toBeLessThan(25);
  });
});

describe('rotation', () => {
  test('a new key is accepted at its first token, with one fetch for a thousand tokens', async () => {
    const { verifier, network, tokenOf, clock } = setUp();
    await verifier.warm();
    network.keys = [k1.jwk, k2.jwk];
    clock.advance(1000);
    await Promise.all(Array.from({ length: 1000 }, () => verifier.verify(tokenOf(k2))));
    expect(network.calls).toHaveLength(2);
  });

  test('a key that is published during a fetch is found by one more fetch', async () => {
    const { verifier, network, tokenOf, clock } = setUp();
    await verifier.warm();
    clock.advance(495_000);
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    network.gate = gate;
    await verifier.verify(tokenOf(k1));
    network.keys = [k1.jwk, k2.jwk];
    const verification = verifier.verify(tokenOf(k2));
    open();
    await expect(verification).resolves.toMatchObject({ subject: 'alice' });
    expect(network.calls).toHaveLength(3);
  });

  test('tokens of a previous key are refused if a new key has the same kid', async () => {
    const { verifier, network, tokenOf, clock } = setUp({}, { cache: { maxAgeSeconds: 1e6 } });
    const token = tokenOf(k1);
    await verifier.verify(token);
    const successor = createSigningKey('k1');
    network.keys = [successor.jwk];
    clock.advance(600_000);
    await expect(refusalOf(verifier, tokenOf(successor))).resolves.toBeUndefined();
    await expect(refusalOf(verifier, token)).resolves.toBe('invalid_token wrong_signature');
  });

  test('a token without kid is verified with every key of its algorithm', async () => {
    const { verifier, network, tokenOf } = setUp();
    network.keys = [k2.jwk, k3.jwk, k1.jwk];
    await expect(refusalOf(verifier, tokenOf(k1, { kid: undefined }))).resolves.toBeUndefined();
  });
});

test('close() ends the fetch under way, prevents others, reports no event, and leaves known keys in use', async () => {
  const { verifier, network, tokenOf, clock, events } = setUp();
  network.gate = new Promise(() => {});
  const refusal = refusalOf(verifier, tokenOf(k1));
  await settle();
  verifier.close();
  await expect(refusal).resolves.toBe('identity_unavailable closed');
  expect(events).toEqual([]);
  clock.advance(1_000_000);
  await expect(refusalOf(verifier, tokenOf(k1))).resolves.toBe('identity_unavailable closed');
  expect(network.calls).toHaveLength(1);

  const warm = setUp();
  await warm.verifier.warm();
  warm.verifier.close();
  warm.clock.advance(1_000_000);
  await expect(refusalOf(warm.verifier, warm.tokenOf(k1))).resolves.toBeUndefined();
  expect(warm.network.calls).toHaveLength(1);
});

test('an event reports the published keys that are not used', async () => {
  const { verifier, network, tokenOf, events } = setUp();
  network.keys = [k1.jwk, { ...k2.jwk, use: 'enc' }, { kty: 'oct', k: 'AA' }, 7 as never];
  await verifier.verify(tokenOf(k1));
  expect(events).toEqual([
    {
      type: 'keys_fetched',
      issuer: testIssuer,
      keys: 1,
      refused: [
        { id: 'k2', reason: 'not_for_signatures' },
        { id: undefined, reason: 'unsupported_type' },
        { id: undefined, reason: 'malformed_key' },
      ],
    },
  ]);
});

test('a token is accepted if onEvent throws', async () => {
  const { verifier, tokenOf } = setUp(
    {},
    {
      onEvent: () => {
        throw new Error('observer');
      },
    },
  );
  await expect(refusalOf(verifier, tokenOf(k1))).resolves.toBeUndefined();
});

test('a step of the wall clock does not change when keys are renewed', async () => {
  const { verifier, network, tokenOf, clock } = setUp();
  await verifier.warm();
  clock.step(-3_600_000);
  await verifier.verify(tokenOf(k1));
  clock.step(7_200_000);
  await verifier.verify(tokenOf(k1));
  expect(network.calls).toHaveLength(1);
});

test('an error of `random` during a fetch counts as a failed fetch', async () => {
  let calls = 0;
  const random = (): number => {
    calls += 1;
    if (calls === 1) throw new RangeError('random');
    return 0.5;
  };
  const { verifier, events } = setUp({}, { random });
  await expect(verifier.warm()).resolves.toMatchObject([{ lastFailure: 'internal' }]);
  expect(events).toMatchObject([{ type: 'keys_fetch_failed', reason: 'internal' }]);
});

test('a soft TTL and a stale limit of one second cause one fetch a second', async () => {
  const { verifier, network, tokenOf, clock } = setUp({ keysSoftTtlSeconds: 1, keysStaleSeconds: 1 });
  for (let second = 0; second < 30; second += 1) {
    await expect(refusalOf(verifier, tokenOf(k1))).resolves.toBeUndefined();
    clock.advance(1000);
  }
  expect(network.calls).toHaveLength(30);
});

test('keys of a fetch that takes longer than the stale limit are used', async () => {
  const { verifier, network, tokenOf, clock } = setUp({ keysSoftTtlSeconds: 1, keysStaleSeconds: 1 });
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  network.gate = gate;
  const verification = refusalOf(verifier, tokenOf(k1));
  clock.advance(3000);
  open();
  await expect(verification).resolves.toBeUndefined();
});

test('a key that is withdrawn while a slow fetch is under way is refused after one soft TTL', async () => {
  const { verifier, network, tokenOf, clock } = setUp({}, { cache: { maxAgeSeconds: 1e6 } });
  const { promise: gate, resolve: open } = Promise.withResolvers<void>();
  network.gate = gate;
  const token = tokenOf(k1);
  const verification = verifier.verify(token);
  await settle();
  network.keys = [k2.jwk];
  clock.advance(4000);
  open();
  await verification;
  clock.advance(596_000);
  await expect(refusalOf(verifier, token)).resolves.toBe('invalid_token unknown_key');
});
