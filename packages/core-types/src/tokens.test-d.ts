import { assertType, expectTypeOf, test } from 'vitest';
import type { CacheableToken, ClientToken, ExposableToken, IssueAbility, ServerToken } from './index.ts';

declare const patientToken: ClientToken<'user'>;
declare const accountToken: ClientToken<'account'>;
declare const serverToken: ServerToken;

test('a cache takes server tokens and account-bound client tokens only', () => {
  assertType<CacheableToken>(serverToken);
  assertType<CacheableToken>(accountToken);
  // @ts-expect-error never cache patient tokens
  assertType<CacheableToken>(patientToken);
  // @ts-expect-error a token whose binding is not known may be a patient's
  assertType<CacheableToken>(patientToken as ClientToken);
});

test('an answer takes client tokens only', () => {
  assertType<ExposableToken>(patientToken);
  assertType<ExposableToken>(accountToken);
  // @ts-expect-error never expose a server token
  assertType<ExposableToken>(serverToken);
});

test('an ability bound to a user cannot declare a cache', () => {
  expectTypeOf<IssueAbility<'user'>['cache']>().toEqualTypeOf<undefined>();
});
