import { expect, test } from 'vitest';
import { createValetClient } from '../client.ts';
import { issued, startFakeBroker, type FakeResponse } from '../testing/fake-broker.ts';
import { failureOf } from '../testing/failure.ts';
import { nablaSessionTokens } from './nabla.ts';

async function valetOf(respond: () => FakeResponse) {
  const broker = await startFakeBroker(respond);
  return { broker, valet: createValetClient({ brokerUrl: broker.url, getAppToken: () => 'app-token' }) };
}

test("nablaSessionTokens requests new tokens for each call and resolves with the field names of Nabla's SDK", async () => {
  let count = 0;
  const { valet, broker } = await valetOf(() => {
    count += 1;
    return issued('nabla', { access_token: `access-${count}`, refresh_token: `refresh-${count}` });
  });
  const provide = nablaSessionTokens(valet);

  const pairs = await Promise.all([provide(), provide()]);

  expect(pairs).toContainEqual({ accessToken: 'access-1', refreshToken: 'refresh-1' });
  expect(pairs).toContainEqual({ accessToken: 'access-2', refreshToken: 'refresh-2' });
  expect(broker.requests).toHaveLength(2);
});

test.each([
  {},
  { access_token: 'a' },
  { access_token: 'a', refresh_token: '' },
  { access_token: 1, refresh_token: 'r' },
])('nablaSessionTokens rejects with response_invalid when the response has only %j', async (fields) => {
  const { valet } = await valetOf(() => issued('nabla', fields));

  expect(await failureOf(nablaSessionTokens(valet)())).toMatchObject({ code: 'response_invalid', vendor: 'nabla' });
});
