import { systemClock, type ClientToken, type ServerToken } from '@valetkey/core-types';
import { assertType, test } from 'vitest';
import { encodeIssueAnswer, type EncodedAnswer } from './issue-answer.ts';

declare const patientToken: ClientToken<'user'>;
declare const serverToken: ServerToken;

test('the encoder of answers takes client tokens, and no server token', () => {
  assertType<EncodedAnswer>(encodeIssueAnswer(patientToken, undefined, systemClock));
  // @ts-expect-error a server token never leaves the broker
  encodeIssueAnswer(serverToken, undefined, systemClock);
});
