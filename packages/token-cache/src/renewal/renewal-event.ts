import type { TokenKey } from '@valetkey/core-types';

/** What happens in a renewal. No event carries a token. `background`: no caller waits, because the old token serves. */
export type RenewalEvent =
  /** The vendor is called. */
  | { readonly type: 'issue'; readonly key: TokenKey; readonly background: boolean }
  /** The vendor returned a token. `same`: it is the token that was already here. */
  | {
      readonly type: 'refresh';
      readonly key: TokenKey;
      readonly background: boolean;
      readonly lifetimeSeconds: number;
      readonly durationMs: number;
      readonly same: boolean;
    }
  /** A token that another replica issued was read from the store. */
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
  /** This replica lost its lease, and its work was cancelled or not stored. */
  | { readonly type: 'lease_lost'; readonly key: TokenKey };
