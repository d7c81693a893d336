import type { ErrorCode } from '@valetkey/core-types';
import { expectTypeOf, test } from 'vitest';
import {
  createValetClient,
  nablaSessionTokens,
  nudgeRefreshToken,
  nymblFetch,
  vitalReconcile,
  type BrokerErrorCode,
  type ConnectionName,
  type ConnectionOf,
  type ConnectionOption,
  type SessionVendor,
  type ValetClient,
  type ValetClientOptions,
  type VitalCore,
  type VitalReconcileOptions,
} from '../index.ts';

declare const valet: ValetClient;

test('issue resolves with the fields of the vendor and the envelope', () => {
  expectTypeOf(valet.issue('nabla')).resolves.toHaveProperty('refresh_token').toEqualTypeOf<string>();
  expectTypeOf(valet.issue('nudge')).resolves.toHaveProperty('token').toEqualTypeOf<string>();
  expectTypeOf(valet.issue('vital')).resolves.toHaveProperty('sign_in_token').toEqualTypeOf<string>();
  expectTypeOf(valet.issue('vital')).resolves.toHaveProperty('expires_in').toEqualTypeOf<number | undefined>();
  expectTypeOf(valet.issue('nudge')).resolves.toHaveProperty('connection').toEqualTypeOf<string>();
  expectTypeOf(valet.issue('nudge')).resolves.not.toHaveProperty('refresh_token');
});

test('issue accepts a vendor that this package does not know', () => {
  expectTypeOf(valet.issue('acme')).resolves.toHaveProperty('anything').toEqualTypeOf<unknown>();
  expectTypeOf(valet.issue('acme')).resolves.toHaveProperty('expires_in').toEqualTypeOf<number | undefined>();
  expectTypeOf(valet.issue<{ key: string }>('acme')).resolves.toHaveProperty('key').toEqualTypeOf<string>();
});

test('session resolves with a SessionVendor for each connection', () => {
  expectTypeOf<SessionVendor>().toHaveProperty('vendor').toEqualTypeOf<string>();
  expectTypeOf(valet.session()).resolves.toHaveProperty('vendors').toEqualTypeOf<Record<string, SessionVendor>>();
});

test('the callbacks for Nabla and Nudge have the types that the SDKs of these vendors expect', () => {
  expectTypeOf(nablaSessionTokens(valet)).toExtend<() => Promise<{ refreshToken: string; accessToken: string }>>();
  expectTypeOf(nudgeRefreshToken(valet)).toEqualTypeOf<() => Promise<string | null>>();
});

test('BrokerErrorCode lists the error codes of the broker', () => {
  expectTypeOf<BrokerErrorCode>().toEqualTypeOf<ErrorCode>();
});

test('createValetClient requires getAppToken to be a function', () => {
  expectTypeOf(createValetClient).parameter(0).toEqualTypeOf<ValetClientOptions>();
  // @ts-expect-error getAppToken is required
  createValetClient({ brokerUrl: 'https://broker.example' });
  // @ts-expect-error a token is not a function that returns one
  createValetClient({ brokerUrl: 'https://broker.example', getAppToken: 'token' });
});

test('token resolves with the same fields as issue', () => {
  expectTypeOf(valet.token('nudge')).resolves.toHaveProperty('token').toEqualTypeOf<string>();
  expectTypeOf(valet.token<{ key: string }>('acme')).resolves.toHaveProperty('key').toEqualTypeOf<string>();
});

test('without a declaration in Register, every text is the name of a connection, and no function of a vendor needs one', () => {
  expectTypeOf<ConnectionName>().toEqualTypeOf<string>();
  expectTypeOf<ConnectionOf<'vital'>>().toEqualTypeOf<string>();
  expectTypeOf<ConnectionOption<'vital'>>().toEqualTypeOf<{ readonly connection?: string | undefined }>();
  expectTypeOf(vitalReconcile).parameters.toEqualTypeOf<
    [valet: ValetClient, vital: VitalCore, options?: VitalReconcileOptions]
  >();
  expectTypeOf(nymblFetch).toBeCallableWith(valet);
  expectTypeOf(nymblFetch).toBeCallableWith(valet, { connection: 'reports' });
  expectTypeOf(valet.fetch).parameter(0).toEqualTypeOf<string>();
});
