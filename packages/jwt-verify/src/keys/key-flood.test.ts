import { describe, expect, test } from 'vitest';
import { createFakeNetwork } from '../testing/fake-network.ts';
import { createHarness, refusalOf, rejection, testIssuer } from '../testing/harness.ts';
import { createSigningKey, encodeSegment, signToken, type SigningKey } from '../testing/signing.ts';

/** How a provider names its keys: by a `kid` of their own, by none, or by one that all of them have. */
type Naming = 'own' | 'none' | 'shared';

const softTtlSeconds = 120;
const stepMs = 500;
const fetchIntervalSeconds = 15;
/** A back-off after an outage that keys outlive. */
const maxBackOffSeconds = 60;
const clockToleranceSeconds = 5;
const maxTokenAgeSeconds = 60;

const pool = Array.from({ length: 12 }, (_, index) => createSigningKey(`k${index}`));
const stranger = createSigningKey('stranger');

/** A small generator of random numbers from 0 up to 1 (mulberry32), so that a failing seed can be run again. */
function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function createSimulation(seed: number, naming: Naming) {
  const random = createRandom(seed);
  const network = createFakeNetwork([]);
  const { verifier, clock, claims } = createHarness(
    {
      jwks: undefined,
      jwksUri: `${testIssuer}/jwks`,
      keysSoftTtlSeconds: softTtlSeconds,
      keysStaleSeconds: 86_400,
      clockToleranceSeconds,
    },
    { fetch: network.fetch, random, cache: random() < 0.5 ? null : undefined },
  );
  const nameOf = (key: SigningKey): string | undefined =>
    naming === 'own' ? key.id : naming === 'none' ? undefined : 'shared';
  const providerClockAheadSeconds = (2 * random() - 1) * clockToleranceSeconds;
  let serial = 0;
  /** Returns a token that its provider has issued in the last `maxAgeSeconds`. */
  const tokenOf = (key: SigningKey, maxAgeSeconds: number, kid = nameOf(key)): string => {
    serial += 1;
    const ageSeconds = random() * Math.min(maxAgeSeconds, maxTokenAgeSeconds);
    const iat = Math.floor(clock.nowSeconds() + providerClockAheadSeconds - ageSeconds);
    return signToken(key, claims({ iat, jti: `${serial}` }), { kid });
  };
  const publish = (keys: readonly SigningKey[]): void => {
    network.keys = keys.map((key) => ({ ...key.jwk, kid: nameOf(key) }));
  };
  return { random, network, verifier, clock, tokenOf, publish, nameOf };
}

/** Runs 400 seconds of one provider. Resolves to the promises of the key source that were broken, which are none. */
async function simulate(seed: number, naming: Naming): Promise<string[]> {
  const { random, network, verifier, clock, tokenOf, publish, nameOf } = createSimulation(seed, naming);
  const seconds = (): number => clock.monotonicMs() / 1000;
  const startedAt = seconds();
  const broken: string[] = [];
  const demand = (isKept: boolean, promise: string): void => {
    if (!isKept) broken.push(`${promise} (${seconds() - startedAt} s)`);
  };
  const chance = (probability: number): boolean => random() < probability;
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;

  /** The published keys, and since when they are. */
  const published = new Map<SigningKey, number>();
  const withdrawn = new Map<SigningKey, number>();
  let unused = [...pool];
  let outageEndedAt = -Infinity;
  const strangersPerStep = pick([0, 1, 4]);

  const rotate = (): void => {
    const [next = stranger, ...rest] = unused;
    unused = rest;
    published.set(next, seconds());
    while (published.size > pick([1, 2, 3])) {
      const [oldest = next] = published.keys();
      published.delete(oldest);
      withdrawn.set(oldest, seconds());
    }
    publish([...published.keys()]);
  };
  const sendForeignToken = async (): Promise<void> => {
    const kid = chance(0.5) ? nameOf(pick([...published.keys()])) : `x${Math.floor(random() * 1e9)}`;
    const refusal = await refusalOf(verifier, tokenOf(stranger, maxTokenAgeSeconds, kid));
    demand(refusal !== undefined, 'no forged token is accepted');
  };

  rotate();
  await verifier.warm();
  for (let step = 0; step < 800; step += 1) {
    clock.advance(stepMs);
    const isDown = network.respond !== undefined;
    if (chance(0.02) && unused.length > 0) rotate();
    if (isDown ? chance(0.04) : chance(0.004)) {
      network.respond = isDown ? undefined : () => new Response('', { status: 503 });
      if (isDown) outageEndedAt = seconds();
    }
    for (let index = 0; index < strangersPerStep; index += 1) await sendForeignToken();

    const down = network.respond !== undefined;
    const upSeconds = down ? -Infinity : seconds() - outageEndedAt;
    const [key, since] = pick([...published]);
    const refusal = await refusalOf(verifier, tokenOf(key, seconds() - since));
    if (refusal !== undefined) {
      demand(refusal.startsWith('identity_unavailable '), 'no token of a published key is invalid');
      const isNew = seconds() - since <= fetchIntervalSeconds;
      demand(isNew || upSeconds <= maxBackOffSeconds, 'a new key works after one interval');
    }
    for (const [old, until] of withdrawn) {
      const isAccepted = (await refusalOf(verifier, tokenOf(old, 0))) === undefined;
      const isRecent = seconds() - until <= softTtlSeconds;
      demand(!isAccepted || isRecent || upSeconds <= maxBackOffSeconds, 'a withdrawn key ends with the soft TTL');
      if (!isAccepted) withdrawn.delete(old);
    }
    const allowedFetches = (seconds() - startedAt) / fetchIntervalSeconds + 2;
    demand(network.calls.length <= allowedFetches, 'one fetch in an interval, and two at once');
  }
  return broken;
}

describe.each<Naming>(['own', 'none', 'shared'])('a provider whose keys have %s kid', (naming) => {
  test.each(Array.from({ length: 8 }, (_, index) => index + 1))(
    'keeps its promises while strangers flood, keys rotate and outages come and go (seed %i)',
    async (seed) => {
      await expect(simulate(seed, naming)).resolves.toEqual([]);
    },
  );
});

describe('a flood of unknown kids', () => {
  const [known, fresh] = [createSigningKey('known'), createSigningKey('fresh')];

  function setUp() {
    const network = createFakeNetwork([known.jwk]);
    const harness = createHarness(
      { jwks: undefined, jwksUri: `${testIssuer}/jwks` },
      { fetch: network.fetch, random: () => 0.5 },
      known,
    );
    const [, ...rest] = harness.token().split('.');
    let serial = 0;
    /** Returns the token of a stranger: the signature is never looked at. */
    const unknown = (): string => {
      serial += 1;
      return [encodeSegment(`{"alg":"ES256","typ":"at+jwt","kid":"x${serial}"}`), ...rest].join('.');
    };
    return { ...harness, network, unknown };
  }

  test('10,000 unknown kids in ten seconds cause two fetches, and are identity_unavailable while no fetch may start', async () => {
    const { verifier, network, clock, token, unknown } = setUp();
    await verifier.warm();
    clock.advance(31_000);
    const honest = verifier.verify(token());
    const refusals = new Map<string | undefined, number>();
    for (let index = 0; index < 10_000; index += 1) {
      const refusal = await refusalOf(verifier, unknown());
      refusals.set(refusal, (refusals.get(refusal) ?? 0) + 1);
      clock.advance(1);
    }
    expect(Object.fromEntries(refusals)).toEqual({
      'invalid_token unknown_key': 2,
      'identity_unavailable fetch_budget': 9998,
    });
    expect(network.calls).toHaveLength(3);
    await expect(honest).resolves.toMatchObject({ subject: 'alice' });
    await expect(refusalOf(verifier, token({ jti: 'id-2' }))).resolves.toBeUndefined();
  });

  test('a new key works within 15 seconds, and its tokens are identity_unavailable before with the seconds to wait', async () => {
    const { verifier, network, clock, claims, unknown } = setUp();
    await verifier.warm();
    for (let index = 0; index < 200; index += 1) {
      await refusalOf(verifier, unknown());
      clock.advance(200);
    }
    network.keys = [known.jwk, fresh.jwk];
    const publishedAt = clock.nowSeconds();
    for (;;) {
      await refusalOf(verifier, unknown());
      const verification = verifier.verify(signToken(fresh, claims()));
      const error = await verification.then(
        () => undefined,
        () => rejection(verification),
      );
      if (error === undefined) break;
      expect(error).toMatchObject({ code: 'identity_unavailable', reason: 'fetch_budget' });
      expect(error.retryAfterSeconds).toBeLessThanOrEqual(15);
      clock.advance(200);
    }
    expect(clock.nowSeconds() - publishedAt).toBeLessThanOrEqual(15);
  });

  test('a closed verifier neither fetches nor refuses an unknown kid as invalid', async () => {
    const { verifier, network, clock, unknown } = setUp();
    await verifier.warm();
    verifier.close();
    clock.advance(20_000);
    await expect(refusalOf(verifier, unknown())).resolves.toBe('identity_unavailable closed');
    expect(network.calls).toHaveLength(1);
  });
});
