import type { ValetError } from '../errors/valet-error.ts';

/** `signed_out`: the client has no user, or `signOut` was called. */
export type VendorTokenStatus = 'loading' | 'ready' | 'error' | 'signed_out';

interface Outcome<Status extends VendorTokenStatus, Response, Failure> {
  readonly status: Status;
  /** The vendor's token, as `valet.token` resolves with it. Its seconds count from the moment when it was received. */
  readonly response: Response;
  readonly error: Failure;
  /**
   * Requests a new token, for example because the vendor refused this one. Other components share the request. Does nothing
   * while a request is under way, and before the component is mounted.
   */
  readonly refresh: () => void;
}

/** What {@link useVendorToken} returns. A token that is `ready` may have an `error`: that of its last renewal. */
export type VendorToken<Response> =
  | Outcome<'loading' | 'signed_out', undefined, undefined>
  | Outcome<'ready', Response, ValetError | undefined>
  | Outcome<'error', undefined, ValetError>;
