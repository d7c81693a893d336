import { createHash } from 'node:crypto';
import { secretSlotsSchema, ValetKeyError, type Secret, type SecretSlots } from '@valetkey/core-types';
import type { z } from 'zod';

/** Parses an option into the two slots of a credential. */
type SlotsSchema<Value> = z.ZodType<SecretSlots<Value>>;

/** The declaration of one credential of a vendor. */
export interface CredentialDeclaration<Value = unknown, Schema extends SlotsSchema<Value> = SlotsSchema<Value>> {
  /** Parses the option that holds the credential. */
  readonly schema: Schema;
  /** Returns texts that no other credential has. Only a hash of them is kept. */
  identify(value: Value): readonly string[];
}

/**
 * Declares a credential that is one secret text, or `{ current, next }` while it is being rotated. `description` is a
 * complete sentence for the reference of options.
 *
 * @example
 * ```ts
 * credentials: { apiKey: secretCredential('The API key of the Acme dashboard.') },
 * ```
 */
export function secretCredential(description: string): CredentialDeclaration<Secret, typeof secretSlotsSchema> {
  return { schema: secretSlotsSchema.describe(description), identify: (secret) => [secret.reveal()] };
}

/**
 * Declares a credential of any other form, such as a client with a private key. `schema` parses the option to
 * `{ current, next? }`; `identify` returns texts that tell one credential from another.
 *
 * @example
 * ```ts
 * const clientSchema = z.strictObject({ clientId: z.string(), privateKey: rsaPrivateKeySchema });
 * const slotsSchema = z.strictObject({ current: clientSchema, next: clientSchema.optional() });
 * const client = customCredential(slotsSchema.describe('The OAuth client.'), ({ clientId, privateKey }) => [
 *   clientId,
 *   privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
 * ]);
 * ```
 */
export function customCredential<Schema extends SlotsSchema<unknown>>(
  schema: Schema,
  identify: (value: z.output<Schema>['current']) => readonly string[],
): CredentialDeclaration<z.output<Schema>['current'], Schema> {
  return { schema, identify } as CredentialDeclaration<z.output<Schema>['current'], Schema>;
}

/** How a credential is used. */
export interface UseOptions {
  /**
   * Whether the call can be sent a second time, with the other slot. A function is asked after the refusal. Default: true.
   */
  readonly repeatable?: boolean | (() => boolean) | undefined;
}

/** A credential in use, with its successor while it is being rotated. */
export interface Credential<Value = Secret> {
  /** A text that changes when the credential changes. It is part of cache keys, and does not reveal the credential. */
  readonly version: string;
  /** Whether a second slot is configured. */
  readonly hasNext: boolean;
  /**
   * Calls with the active slot and, if the vendor refuses it (`vendor_auth_failed`), once more with the other. The slot
   * that the vendor accepts becomes the active one.
   */
  use<Result>(call: (value: Value) => Promise<Result>, options?: UseOptions): Promise<Result>;
  /** Returns a credential that has the result of `transform` in each slot. */
  map<Other>(transform: (value: Value) => Other): Credential<Other>;
}

/** Creates a credential from its slots. `onSwitch` receives the slot that is active from now on. */
export function createCredential<Value>(
  slots: SecretSlots<Value>,
  version: string,
  onSwitch: (slot: 'current' | 'next') => void,
): Credential<Value> {
  const { current, next } = slots;
  const map = <Other>(transform: (value: Value) => Other): Credential<Other> => {
    const mapped = { current: transform(current), ...(next !== undefined && { next: transform(next) }) };
    return createCredential(mapped, version, onSwitch);
  };
  if (next === undefined) return { version, hasNext: false, use: (call) => call(current), map };

  const valueOf = { current, next };
  let active: 'current' | 'next' = 'current';
  return {
    version,
    hasNext: true,
    map,
    async use(call, { repeatable = true } = {}) {
      const first = active;
      try {
        return await call(valueOf[first]);
      } catch (failure) {
        const isRefused = ValetKeyError.isInstance(failure) && failure.code === 'vendor_auth_failed';
        const isRepeatable = typeof repeatable === 'function' ? repeatable() : repeatable;
        if (!isRefused || !isRepeatable) throw failure;
      }
      const other = first === 'current' ? 'next' : 'current';
      const activate = (): void => {
        if (active !== first) return;
        active = other;
        onSwitch(other);
      };
      try {
        const result = await call(valueOf[other]);
        activate();
        return result;
      } catch (failure) {
        if (isAccepted(failure)) activate();
        throw failure;
      }
    },
  };
}

/** Returns whether a failure is the response to a call whose credential the vendor accepted. */
function isAccepted(failure: unknown): boolean {
  return (
    ValetKeyError.isInstance(failure) &&
    (failure.code === 'vendor_rejected' || failure.code === 'vendor_user_not_found') &&
    failure.cause?.type !== 'intercepted'
  );
}

/** Returns a short hash that tells one credential from another and does not reveal it. */
export function fingerprint(...parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url').slice(0, 16);
}
