import type { KeyRefusal } from './verification-key.ts';

/** What an operator may want to log or count. Nothing in it is secret. */
export type JwtVerifierEvent =
  | {
      readonly type: 'keys_fetched';
      readonly issuer: string;
      /** Keys that can be used. */
      readonly keys: number;
      /** Published keys that are not used, and why. */
      readonly refused: readonly { readonly id: string | undefined; readonly reason: KeyRefusal }[];
    }
  | {
      readonly type: 'keys_fetch_failed';
      readonly issuer: string;
      /** A short word: `timeout`, `status_503`, `ECONNREFUSED`, `not_json`, `no_usable_keys` ... */
      readonly reason: string;
    };
