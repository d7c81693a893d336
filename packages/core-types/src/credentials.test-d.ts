import { assertType, expectTypeOf, test } from 'vitest';
import type { CacheableToken, ClientToken, ExposableToken, IssueAbility, IssueRequest, ServerToken } from './index.ts';

declare const userToken: ClientToken<'user'>;
declare const accountToken: ClientToken<'account'>;
declare const serverToken: ServerToken;

test('a cache accepts only server tokens and account-bound client tokens', () => {
  assertType<CacheableToken>(serverToken);
  assertType<CacheableToken>(accountToken);
  // @ts-expect-error a user-bound token must never be cached
  assertType<CacheableToken>(userToken);
  // @ts-expect-error a token of unknown binding may be user-bound
  assertType<CacheableToken>(userToken as ClientToken);
});

test('a response accepts only client tokens', () => {
  assertType<ExposableToken>(userToken);
  assertType<ExposableToken>(accountToken);
  // @ts-expect-error a server token must never be returned
  assertType<ExposableToken>(serverToken);
});

test('a user-bound ability cannot declare a cache', () => {
  expectTypeOf<IssueAbility<'user'>['cache']>().toEqualTypeOf<undefined>();
});

test('a request to a user-bound ability always carries the vendor user id', () => {
  expectTypeOf<IssueRequest<'user'>['vendorUserId']>().toEqualTypeOf<string>();
  expectTypeOf<IssueRequest<'account'>>().not.toHaveProperty('vendorUserId');
});

test('the parameters of an issue request have the type that the ability declares', () => {
  expectTypeOf<IssueRequest<'account', { expiry_minutes: number }>['parameters']>().toEqualTypeOf<{
    expiry_minutes: number;
  }>();
});
