import type { KeyRefusal } from './verification-key.ts';

/** A report of a verifier for the operator's log and metrics. An event never contains a secret. */
export type JwtVerifierEvent =
  /** The keys of an issuer were fetched. */
  | {
      readonly type: 'keys_fetched';
      readonly issuer: string;
      /** The number of keys that can be used. */
      readonly keys: number;
      /** The published keys that are not used, with the reason. */
      readonly refused: readonly { readonly id: string | undefined; readonly reason: KeyRefusal }[];
    }
  /** The identity provider gave no usable keys. Not reported for a fetch that `close` ended. */
  | {
      readonly type: 'keys_fetch_failed';
      readonly issuer: string;
      /** A short word: `timeout`, `status_503`, `ECONNREFUSED`, `not_json`, `no_usable_keys` ... */
      readonly reason: string;
      /** A sentence, if the reason says too little: for `no_metadata`, the places where metadata was looked for. */
      readonly detail?: string | undefined;
    }
  /** The introspection endpoint or the resolver of an issuer gave no usable response. Reported for the first of several failures in a row. */
  | {
      readonly type: 'look_ups_failed';
      readonly issuer: string;
      /** A short word, as for `keys_fetch_failed`. A `status_401` is a refusal of the client id and secret. */
      readonly reason: string;
    }
  /** The introspection endpoint or the resolver of an issuer responds again. */
  | { readonly type: 'look_ups_recovered'; readonly issuer: string };
