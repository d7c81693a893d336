import { ValetKeyError, type ErrorCode } from '@valetkey/core-types';
import { errors } from 'undici';
import type { VendorName } from './answer.ts';
import { addressRefused } from './egress.ts';

interface FailureAnswer {
  readonly code: ErrorCode;
  readonly detail: (title: string) => string;
}

const unavailable: FailureAnswer = { code: 'vendor_unavailable', detail: (title) => `${title} could not be reached.` };
const invalid: FailureAnswer = {
  code: 'vendor_response_invalid',
  detail: (title) => `${title} sent an answer that is not HTTP as it should be.`,
};

const answersByNetworkCode: Readonly<Record<string, FailureAnswer>> = {
  UND_ERR_CONNECT_TIMEOUT: {
    code: 'vendor_timeout',
    detail: (title) => `${title} did not accept a connection in time.`,
  },
  [addressRefused]: {
    code: 'vendor_unavailable',
    detail: (title) => `The name of ${title}'s host leads to an address that is not on the open internet.`,
  },
  HTTP_PARSER: invalid,
  UND_ERR_HEADERS_OVERFLOW: invalid,
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: invalid,
  // A header or a path that undici does not take never left this process.
  UND_ERR_INVALID_ARG: {
    code: 'invalid_request',
    detail: () => 'The call holds characters that HTTP does not carry.',
  },
  UND_ERR_REQ_CONTENT_LENGTH_MISMATCH: {
    code: 'invalid_request',
    detail: () => 'The body is not as long as `Content-Length` says.',
  },
};

/** Turns what the network library threw into our own words; its message may quote headers and bodies, so it is dropped. */
export function describeNetworkFailure(failure: unknown, vendor: VendorName): ValetKeyError {
  if (ValetKeyError.isInstance(failure)) return failure;
  const networkCode = codeOf(failure);
  const { code, detail } = answersByNetworkCode[networkCode] ?? unavailable;
  return new ValetKeyError(code, detail(vendor.title), { vendor: vendor.id, reason: networkCode });
}

function codeOf(failure: unknown): string {
  if (failure instanceof errors.HTTPParserError) return 'HTTP_PARSER';
  const code = typeof failure === 'object' && failure !== null && 'code' in failure ? failure.code : undefined;
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]{1,63}$/.test(code) ? code : 'network';
}
