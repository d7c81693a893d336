import type { EndpointAbility } from '@valetkey/core-types';
import type { FailureFormat } from './problem-sender.ts';

/** Returns the format of errors that a vendor's own SDK reads. The status stays that of the broker. */
export function inWordsOf(refuse: EndpointAbility['refuse'], { challengeOf }: FailureFormat): FailureFormat {
  return {
    contentType: 'application/json',
    statusOf: ({ status }) => status,
    encode: ({ status, code, message }) => JSON.parse(refuse({ status, code, detail: message }).body) as object,
    challengeOf,
  };
}
