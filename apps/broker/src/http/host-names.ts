import type { IncomingMessage } from 'node:http';
import { isHostAllowed, ValetKeyError } from '@valetkey/core-types';

/** Refuses a request whose `Host` is neither of this machine nor one of `hostNames`. Throws `forbidden`. */
export function assertHostAllowed({ headers, socket }: IncomingMessage, hostNames: readonly string[]): void {
  if (isHostAllowed(headers.host, socket.localAddress, hostNames)) return;
  throw new ValetKeyError('forbidden', 'This listener does not serve the host name of this request.', {
    reason: 'host_name',
    remediation: 'Use a loopback name such as localhost, or ask the operator to add the host name to `hostNames`.',
  });
}
