import type { TokenKey } from '@valetkey/core-types';

/**
 * An event of a renewal. No event contains a token. `background` means that no caller waits, because callers receive
 * the old token meanwhile.
 */
export type RenewalEvent =
  /** The cache calls the vendor. */
  | { readonly type: 'issue'; readonly key: TokenKey; readonly background: boolean }
  /** The vendor returned a token. `same` means that the cache already had this token. */
  | {
      readonly type: 'refresh';
      readonly key: TokenKey;
      readonly background: boolean;
      readonly lifetimeSeconds: number;
      readonly durationMs: number;
      readonly same: boolean;
    }
  /** The cache read from the store a token that another replica got. */
  | { readonly type: 'adopt'; readonly key: TokenKey }
  /** The vendor returned no usable token. It is not called again for `cooldownMs` milliseconds. */
  | {
      readonly type: 'failure';
      readonly key: TokenKey;
      readonly background: boolean;
      readonly code: string;
      readonly reason?: string | undefined;
      readonly attempts: number;
      readonly cooldownMs: number;
    }
  /** This replica lost its lease: it cancelled its call to the vendor, or did not store the token. */
  | { readonly type: 'lease_lost'; readonly key: TokenKey };
