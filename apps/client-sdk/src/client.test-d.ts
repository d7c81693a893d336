import type { ErrorCode } from '@valetkey/core-types';
import { expectTypeOf, test } from 'vitest';
import {
  createValetClient,
  nablaSessionTokens,
  nudgeRefreshToken,
  type BrokerErrorCode,
  type ValetClient,
  type ValetClientOptions,
} from './index.ts';

declare const valet: ValetClient;

test('an answer has the fields of its vendor and the envelope', () => {
  expectTypeOf(valet.issue('nabla')).resolves.toHaveProperty('refresh_token').toEqualTypeOf<string>();
  expectTypeOf(valet.issue('nudge')).resolves.toHaveProperty('token').toEqualTypeOf<string>();
  expectTypeOf(valet.issue('vital')).resolves.toHaveProperty('sign_in_token').toEqualTypeOf<string>();
  expectTypeOf(valet.issue('vital')).resolves.toHaveProperty('expires_in').toEqualTypeOf<number | undefined>();
  expectTypeOf(valet.issue('nudge')).resolves.not.toHaveProperty('refresh_token');
});

test('a vendor of your own needs no line here', () => {
  expectTypeOf(valet.issue('acme')).resolves.toHaveProperty('anything').toEqualTypeOf<unknown>();
  expectTypeOf(valet.issue('acme')).resolves.toHaveProperty('expires_in').toEqualTypeOf<number | undefined>();
  expectTypeOf(valet.issue<{ key: string }>('acme')).resolves.toHaveProperty('key').toEqualTypeOf<string>();
});

test('the callbacks are what the vendors ask for', () => {
  expectTypeOf(nablaSessionTokens(valet)).toExtend<() => Promise<{ refreshToken: string; accessToken: string }>>();
  expectTypeOf(nudgeRefreshToken(valet)).toEqualTypeOf<() => Promise<string | null>>();
});

test('the codes are those of the broker', () => {
  expectTypeOf<BrokerErrorCode>().toEqualTypeOf<ErrorCode>();
});

test('options are checked', () => {
  expectTypeOf(createValetClient).parameter(0).toEqualTypeOf<ValetClientOptions>();
  // @ts-expect-error getAppToken is required
  createValetClient({ brokerUrl: 'https://broker.example' });
  // @ts-expect-error a token is not a function that answers one
  createValetClient({ brokerUrl: 'https://broker.example', getAppToken: 'token' });
});
