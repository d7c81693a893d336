import { Secret, ValetKeyError, type FailureCause } from '@valetkey/core-types';
import { expect, test } from 'vitest';
import { createVirtualClock } from '../testing/virtual-clock.ts';
import type { GrantedToken } from './client-credentials.ts';
import type { Operation } from './door/door.ts';
import { createAccessTokenKeeper } from './access-token-keeper.ts';

const operation = { waitFor: (shared) => shared } as Pick<Operation, 'waitFor'> as Operation;

const refusal = (cause?: FailureCause): ValetKeyError =>
  new ValetKeyError('vendor_auth_failed', 'refused', { reason: 'status_401', cause });

/** Grants the tokens `1`, `2`, … with a lifetime. `call` uses a token and fails unless `isAccepted` accepts it. */
function start(expiresInSeconds?: number) {
  const clock = createVirtualClock();
  let granted = 0;
  const request = async (): Promise<GrantedToken> => {
    granted += 1;
    return { accessToken: new Secret(String(granted)), expiresInSeconds };
  };
  const keeper = createAccessTokenKeeper(request, clock);
  const used: string[] = [];
  const call = (isAccepted: (token: string) => boolean = () => true, failure: Error = refusal(unauthorized)) =>
    keeper.use(operation, async (accessToken) => {
      const token = accessToken.reveal();
      used.push(token);
      if (!isAccepted(token)) throw failure;
      return token;
    });
  return { clock, call, used };
}

const unauthorized: FailureCause = { type: 'vendor_status', status: 401 };

test('the keeper requests an access token once for calls that need it at the same time', async () => {
  const { call } = start(3_600);
  expect(await Promise.all([call(), call(), call()])).toEqual(['1', '1', '1']);
});

test.each([
  [3_600, 3_540_000],
  [60, 30_000],
  [undefined, 240_000],
])(
  'the keeper renews an access token of %s seconds after %i milliseconds',
  async (expiresInSeconds, renewedAfterMs) => {
    const { clock, call } = start(expiresInSeconds);
    await call();
    clock.advance(renewedAfterMs - 1);
    expect(await call()).toBe('1');
    clock.advance(1);
    expect(await call()).toBe('2');
  },
);

test('the keeper renews an access token that the vendor refuses with a 401, and sends the call once more', async () => {
  const { clock, call, used } = start(3_600);
  await call();
  clock.advance(10_000);
  expect(await call((token) => token === '2')).toBe('2');
  expect(used).toEqual(['1', '1', '2']);
});

test('the keeper does not renew a refused access token that the vendor granted less than ten seconds ago', async () => {
  const { clock, call, used } = start(3_600);
  await call();
  clock.advance(9_999);
  await expect(call(() => false)).rejects.toMatchObject({ code: 'vendor_auth_failed' });
  expect(used).toEqual(['1', '1']);
});

test.each([
  ['another status', refusal({ type: 'vendor_status', status: 403 })],
  ['a 401 in `reason` alone', refusal()],
  ['an error of another kind', new Error('broken')],
])('the keeper does not renew an access token after %s', async (_name, failure) => {
  const { clock, call, used } = start(3_600);
  await call();
  clock.advance(10_000);
  await expect(call(() => false, failure)).rejects.toBe(failure);
  expect(used).toEqual(['1', '1']);
});

test('the keeper does not keep a grant that fails: the next call requests the token again', async () => {
  let requests = 0;
  const keeper = createAccessTokenKeeper(async () => {
    requests += 1;
    if (requests === 1) throw refusal();
    return { accessToken: new Secret('granted') };
  }, createVirtualClock());
  const call = () => keeper.use(operation, async (token) => token.reveal());
  await expect(call()).rejects.toMatchObject({ code: 'vendor_auth_failed' });
  expect(await call()).toBe('granted');
});
