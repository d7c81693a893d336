import type { ClientToken, ServerToken } from '@valetkey/core-types';
import { assertType, test } from 'vitest';
import { encodeIssuedToken, type EncodedToken, type IssueContext } from './issue.ts';

declare const userToken: ClientToken<'user'>;
declare const serverToken: ServerToken;
declare const context: IssueContext;

test('encodeIssuedToken compiles with a client token and not with a server token', () => {
  assertType<EncodedToken>(encodeIssuedToken(userToken, undefined, context));
  // @ts-expect-error a server token must never leave the broker
  encodeIssuedToken(serverToken, undefined, context);
});
