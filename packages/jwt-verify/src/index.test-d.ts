import { assertType, expectTypeOf, test } from 'vitest';
import type { Issuer, IssuerOptions, Principal } from '@valetkey/core-types';
import {
  authgear,
  type ExplainedCheck,
  type JwtVerifier,
  type JwtVerifierOptions as Options,
  type parseIssuers,
  type RefusalReason,
} from './index.ts';

test('verify() accepts a string and returns a promise of a principal', () => {
  expectTypeOf<JwtVerifier['verify']>().parameter(0).toEqualTypeOf<string>();
  expectTypeOf<JwtVerifier['verify']>().returns.toEqualTypeOf<Promise<Principal>>();
});

test('authgear() returns issuer options, parseIssuers() returns issuers, and RefusalReason contains expired', () => {
  expectTypeOf(authgear).returns.toEqualTypeOf<IssuerOptions>();
  expectTypeOf<typeof parseIssuers>().returns.toEqualTypeOf<Issuer[]>();
  expectTypeOf<'expired'>().toExtend<RefusalReason>();
});

test('audiences must be a list or null, and algorithms cannot contain HS256 or none', () => {
  assertType<Options>({ issuers: [{ issuer: 'https://id.example.com', audiences: null }] });
  // @ts-expect-error audiences must be named, or null
  assertType<Options>({ issuers: [{ issuer: 'https://id.example.com' }] });
  // @ts-expect-error no symmetric algorithm
  assertType<Options>({ issuers: [{ issuer: 'https://id.example.com', audiences: ['a'], algorithms: ['HS256'] }] });
  // @ts-expect-error not the algorithm none
  assertType<Options>({ issuers: [{ issuer: 'https://id.example.com', audiences: ['a'], algorithms: ['none'] }] });
});

test('a principal is read only, because all calls for its token share it', () => {
  expectTypeOf<Principal>().toEqualTypeOf<Readonly<Principal>>();
  expectTypeOf<Principal['claims']>().toEqualTypeOf<Readonly<Record<string, unknown>>>();
  expectTypeOf<Principal['scopes']>().toEqualTypeOf<readonly string[]>();
});

test('the checks of an explanation are a closed set of names', () => {
  expectTypeOf<ExplainedCheck['check']>().toEqualTypeOf<
    | 'size'
    | 'form'
    | 'header'
    | 'claims'
    | 'look-up'
    | 'issuer'
    | 'algorithm'
    | 'type'
    | 'dates'
    | 'audience'
    | 'claim-rules'
    | 'person'
    | 'client'
    | 'subject'
    | 'binding'
    | 'key'
    | 'signature'
    | 'revocation'
    | 'proof'
  >();
});
