import {
  addressRefused,
  adviseOnNetworkError,
  codeOfForeignError,
  connectionDropped,
  proxyRefused,
  proxyUnreachable,
  ValetKeyError,
  type ErrorCode,
} from '@valetkey/core-types';
import { errors } from 'undici';
import type { VendorName } from './response.ts';

interface FailureMeaning {
  readonly code: ErrorCode;
  readonly detail: (title: string) => string;
}

const unavailable: FailureMeaning = { code: 'vendor_unavailable', detail: (title) => `${title} could not be reached.` };
const invalid: FailureMeaning = {
  code: 'vendor_response_invalid',
  detail: (title) => `${title} sent a response that is not valid HTTP.`,
};

const meaningsByNetworkCode: Readonly<Record<string, FailureMeaning>> = {
  UND_ERR_CONNECT_TIMEOUT: {
    code: 'vendor_timeout',
    detail: (title) => `${title} did not accept a TCP connection in time.`,
  },
  [addressRefused]: {
    code: 'vendor_unavailable',
    detail: (title) => `The host of ${title} has an address that is not on the public internet.`,
  },
  [proxyRefused]: {
    code: 'vendor_unavailable',
    detail: (title) => `${title} could not be reached, because the HTTP proxy opened no tunnel to it.`,
  },
  [proxyUnreachable]: {
    code: 'vendor_unavailable',
    detail: (title) => `${title} could not be reached, because the HTTP proxy could not be reached.`,
  },
  [connectionDropped]: {
    code: 'vendor_unavailable',
    detail: (title) => `The network had dropped the TCP connection to ${title}.`,
  },
  HTTP_PARSER: invalid,
  UND_ERR_HEADERS_OVERFLOW: invalid,
  UND_ERR_RES_CONTENT_LENGTH_MISMATCH: invalid,
  // undici refuses such a header or path before it sends anything.
  UND_ERR_INVALID_ARG: {
    code: 'invalid_request',
    detail: () => 'The call contains characters that HTTP does not allow.',
  },
  UND_ERR_REQ_CONTENT_LENGTH_MISMATCH: {
    code: 'invalid_request',
    detail: () => 'The length of the body differs from `Content-Length`.',
  },
};

/** Converts a failure of the network library to a `ValetKeyError` without its message, which may quote headers and bodies. */
export function describeNetworkFailure(failure: unknown, vendor: VendorName): ValetKeyError {
  if (ValetKeyError.isInstance(failure)) return failure;
  const networkCode = networkCodeOf(failure);
  const { code, detail } = meaningsByNetworkCode[networkCode] ?? unavailable;
  const advice = adviseOnNetworkError(failure);
  return new ValetKeyError(code, detail(vendor.title), {
    vendor: vendor.id,
    reason: networkCode,
    ...(advice !== undefined && { advice }),
  });
}

function networkCodeOf(failure: unknown): string {
  // The parser's own codes (`HPE_…`) are many and mean the same.
  if (failure instanceof errors.HTTPParserError) return 'HTTP_PARSER';
  const code = codeOfForeignError(failure) ?? 'network';
  // The pool gives a reset this code.
  return code === 'ECONNABORTED' ? 'ECONNRESET' : code;
}
