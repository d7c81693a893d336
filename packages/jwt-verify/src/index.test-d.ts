import { assertType, expectTypeOf, test } from 'vitest';
import type { IssuerOptions, Principal } from '@valetkey/core-types';
import { authgear, type JwtVerifier, type JwtVerifierOptions as Options, type RefusalReason } from './index.ts';

test('a verifier takes text and answers a principal', () => {
  expectTypeOf<JwtVerifier['verify']>().parameter(0).toEqualTypeOf<string>();
  expectTypeOf<JwtVerifier['verify']>().returns.toEqualTypeOf<Promise<Principal>>();
  expectTypeOf(authgear).returns.toEqualTypeOf<IssuerOptions>();
  expectTypeOf<'expired'>().toExtend<RefusalReason>();
});

test('leaving a check out costs an explicit null, and symmetric algorithms have no name', () => {
  assertType<Options>({ issuers: [{ issuer: 'https://id.example.com', audiences: null }] });
  // @ts-expect-error audiences must be named, or null
  assertType<Options>({ issuers: [{ issuer: 'https://id.example.com' }] });
  // @ts-expect-error no symmetric algorithm
  assertType<Options>({ issuers: [{ issuer: 'https://id.example.com', audiences: ['a'], algorithms: ['HS256'] }] });
  // @ts-expect-error not the algorithm none
  assertType<Options>({ issuers: [{ issuer: 'https://id.example.com', audiences: ['a'], algorithms: ['none'] }] });
});

test('a principal is read only, for all who send its token share it', () => {
  expectTypeOf<Principal>().toEqualTypeOf<Readonly<Principal>>();
  expectTypeOf<Principal['claims']>().toEqualTypeOf<Readonly<Record<string, unknown>>>();
  expectTypeOf<Principal['scopes']>().toEqualTypeOf<readonly string[]>();
});
