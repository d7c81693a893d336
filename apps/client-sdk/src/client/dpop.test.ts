import { expect, test } from 'vitest';
import { createValetClient } from './client.ts';
import type { CreateDpopProof, DpopRequest } from './dpop.ts';
import {
  json,
  problem,
  session,
  startFakeBroker,
  type FakeResponse,
  type SeenRequest,
} from '../testing/fake-broker.ts';
import { failureOf } from '../testing/failure.ts';
import { createVirtualClock } from '../testing/virtual-clock.ts';

const useNonce = { 'www-authenticate': 'DPoP error="use_dpop_nonce", algs="ES256"' };
const wrongProof = { 'www-authenticate': 'DPoP error="invalid_dpop_proof", algs="ES256"' };

/** Creates a client whose proofs are numbered, and a fake broker. */
async function createHarness(
  respond: (request: SeenRequest, count: number) => FakeResponse = () => session(),
  createProof?: CreateDpopProof,
) {
  const proofs: DpopRequest[] = [];
  let tokens = 0;
  let count = 0;
  const broker = await startFakeBroker((request) => {
    count += 1;
    return respond(request, count);
  });
  const virtual = createVirtualClock();
  const valet = createValetClient({
    brokerUrl: broker.url,
    getAppToken: ({ forceRefresh }) => {
      if (forceRefresh) tokens += 1;
      return `app-token-${tokens}`;
    },
    dpop: (request) => {
      proofs.push(request);
      return createProof?.(request) ?? `proof.${proofs.length}.x`;
    },
    clock: virtual.clock,
  });
  const sent = () => broker.requests.map(({ headers }) => [headers.authorization, headers['dpop']]);
  return { broker, valet, proofs, sent, ...virtual };
}

test('a client with `dpop` sends each app token with the scheme DPoP and a new proof of the request', async () => {
  const { valet, broker, proofs, sent, clock } = await createHarness(({ path }) =>
    path.includes('/proxy') ? json({}) : session(),
  );

  await valet.session();
  await valet.fetch('nymbl', '/Patients?$top=1', { method: 'post', headers: { dpop: 'x', authorization: 'y' } });

  expect(sent()).toEqual([
    ['DPoP app-token-0', 'proof.1.x'],
    ['DPoP app-token-0', 'proof.2.x'],
  ]);
  const common = { accessToken: 'app-token-0', nonce: undefined };
  expect(proofs).toEqual([
    { ...common, method: 'GET', url: `${broker.url}/v1/session`, issuedAtSeconds: Math.floor(clock.nowMs() / 1000) },
    {
      ...common,
      method: 'POST',
      url: `${broker.url}/v1/vendors/nymbl/proxy/Patients`,
      issuedAtSeconds: expect.any(Number) as number,
    },
  ]);
  expect(broker.requests[1]?.method).toBe('POST');
});

test('a client without `dpop` sends no proof, also if the broker asks for a nonce', async () => {
  const broker = await startFakeBroker(() => problem(401, 'invalid_token', { ...useNonce, 'dpop-nonce': 'nonce-1' }));
  const valet = createValetClient({ brokerUrl: broker.url, getAppToken: () => 'app-token' });

  await failureOf(valet.session());

  for (const { headers } of broker.requests) {
    expect(headers.authorization).toBe('Bearer app-token');
    expect(headers).not.toHaveProperty('dpop');
  }
});

test('a client answers one use_dpop_nonce with the same app token and a proof of the nonce, and uses the nonce from then on', async () => {
  const { valet, proofs, sent } = await createHarness((_, count) =>
    count === 1 ? problem(401, 'invalid_token', { ...useNonce, 'dpop-nonce': 'nonce-1' }) : session(),
  );

  await valet.session();
  await valet.forUser(() => 'other-token').session();

  expect(sent()).toEqual([
    ['DPoP app-token-0', 'proof.1.x'],
    ['DPoP app-token-0', 'proof.2.x'],
    ['DPoP other-token', 'proof.3.x'],
  ]);
  expect(proofs.map(({ nonce }) => nonce)).toEqual([undefined, 'nonce-1', 'nonce-1']);
});

test('a client uses the newest nonce, also that of a successful or of a proxied response', async () => {
  const { valet, proofs } = await createHarness(({ path }, count) => {
    const headers = { 'dpop-nonce': `nonce-${count}` };
    return path.includes('/proxy') ? json({}, 200, headers) : { ...session(), headers };
  });

  await valet.session();
  await valet.fetch('nymbl', '/Patients');
  await valet.session();

  expect(proofs.map(({ nonce }) => nonce)).toEqual([undefined, 'nonce-1', 'nonce-2']);
});

test('a client that is refused again after use_dpop_nonce requests a new app token once, and then rejects', async () => {
  const { valet, sent } = await createHarness(() =>
    problem(401, 'invalid_token', { ...useNonce, 'dpop-nonce': 'nonce-1' }),
  );

  expect(await failureOf(valet.session())).toMatchObject({ code: 'invalid_token' });

  expect(sent().map(([token]) => token)).toEqual([
    'DPoP app-token-0',
    'DPoP app-token-0',
    'DPoP app-token-1',
    'DPoP app-token-1',
  ]);
});

test('a renewed app token has a new proof, which is for that token', async () => {
  const { valet, proofs, sent } = await createHarness((_, count) =>
    count === 1 ? problem(401, 'invalid_token', { 'www-authenticate': 'DPoP error="invalid_token"' }) : session(),
  );

  await valet.session();

  expect(sent()).toEqual([
    ['DPoP app-token-0', 'proof.1.x'],
    ['DPoP app-token-1', 'proof.2.x'],
  ]);
  expect(proofs.map(({ accessToken }) => accessToken)).toEqual(['app-token-0', 'app-token-1']);
});

test('a client whose device has a wrong clock learns the time of the broker from a refused proof', async () => {
  const { valet, proofs, clock } = await createHarness((_, count) =>
    count === 1
      ? problem(401, 'invalid_token', { ...wrongProof, date: new Date(clock.nowMs() + 3_600_000).toUTCString() })
      : session(),
  );

  await valet.session();

  const [first = 0, second = 0] = proofs.map(({ issuedAtSeconds }) => issuedAtSeconds);
  expect(second - first).toBeGreaterThanOrEqual(3_599);
  expect(second - first).toBeLessThanOrEqual(3_601);
});

test('a client sends a new proof after a refused one although the response has no usable date', async () => {
  const { valet, proofs } = await createHarness((_, count) =>
    count === 1 ? problem(401, 'invalid_token', { ...wrongProof, date: 'today' }) : session(),
  );

  await valet.session();

  expect(proofs).toHaveLength(2);
  expect(proofs[1]?.issuedAtSeconds).toBe(proofs[0]?.issuedAtSeconds);
});

test('a stream, which can be sent only once, is not sent again after use_dpop_nonce', async () => {
  const { valet, broker } = await createHarness(() =>
    problem(401, 'invalid_token', { ...useNonce, 'dpop-nonce': 'nonce-1' }),
  );
  const body = new Blob(['text']).stream();

  expect(await failureOf(valet.fetch('nymbl', '/Documents', { method: 'POST', body }))).toMatchObject({
    code: 'invalid_token',
  });

  expect(broker.requests).toHaveLength(1);
});

test('a client sends no proof to the target of a redirect', async () => {
  const other = await startFakeBroker(() => session());
  const { valet, proofs } = await createHarness(() => ({
    status: 307,
    headers: { location: `${other.url}/v1/session` },
  }));

  expect(await failureOf(valet.session())).toMatchObject({ code: 'network_unavailable' });

  expect(other.requests).toEqual([]);
  expect(proofs).toHaveLength(1);
});

test('a call rejects with app_token_unavailable and the cause if `dpop` throws, and sends nothing', async () => {
  const cause = new Error('the key is locked');
  const { valet, broker } = await createHarness(undefined, () => {
    throw cause;
  });

  const error = await failureOf(valet.session());

  expect(error).toMatchObject({ code: 'app_token_unavailable', retryable: true, cause });
  expect(error.remediation).toContain('`dpop`');
  expect(broker.requests).toEqual([]);
});

test.each(['', 'line\nbreak', 'DPoP x', 42 as unknown as string])(
  'a call rejects with app_token_unavailable and sends nothing if `dpop` returns %j',
  async (value) => {
    const { valet, broker } = await createHarness(undefined, async () => value);

    expect(await failureOf(valet.session())).toMatchObject({ code: 'app_token_unavailable' });
    expect(broker.requests).toEqual([]);
  },
);

test('createValetClient throws a TypeError for a `dpop` that is a key pair, and names the function to use', () => {
  const options = { brokerUrl: 'https://broker.example', getAppToken: () => null };
  expect(() => createValetClient({ ...options, dpop: {} as never })).toThrow(/`dpop` .*dpopProofs\(keyPair\)/);
});
