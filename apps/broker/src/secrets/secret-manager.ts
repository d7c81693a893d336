import { codeOfForeignError, type Secret } from '@valetkey/core-types';

/** A value that a secret manager has, and what the manager says about its version. */
export interface SecretReading {
  readonly secret: Secret;
  /** The manager's name of the version, such as `3`. */
  readonly version?: string | undefined;
  /** When this version was created, in milliseconds since 1970. */
  readonly createdAtMs?: number | undefined;
}

/** Reads the value that a reference names. Rejects with a {@link SecretReadError}. */
export type ReadSecret = (name: string) => Promise<SecretReading>;

/** A program that keeps secrets, such as HashiCorp Vault. */
export interface SecretManager {
  /** Begins one reading of the configuration, which calls the manager once for all values of one secret. */
  readonly beginReading: () => ReadSecret;
  readonly close: () => Promise<void>;
}

/** A secret cannot be read. The message says why and what to do, in our own words and without a value. */
export class SecretReadError extends Error {
  static {
    this.prototype.name = 'SecretReadError';
  }

  /** Returns the message of a {@link SecretReadError}. The message of any other error may quote a secret. */
  static reasonOf(error: unknown): string {
    return error instanceof SecretReadError
      ? error.message
      : `failed (${codeOfForeignError(error) ?? 'unknown error'})`;
  }
}

/** A reference has not the form that its secret manager needs. Its name is not shown, because it may be a secret in the wrong place. */
export class SecretNameError extends SecretReadError {}

/** Returns a function that calls `read` once for each key. It keeps the values for as long as it is referenced. */
export function onceForEach<Value>(read: (key: string) => Promise<Value>): (key: string) => Promise<Value> {
  const readings = new Map<string, Promise<Value>>();
  return (key) => {
    const reading = readings.get(key) ?? read(key);
    readings.set(key, reading);
    return reading;
  };
}

/**
 * Returns the text of a field of a secret, without white space at its ends, as the text of a file is read. Throws a
 * {@link SecretReadError} if the field is absent, empty or no text.
 */
export function textOfField(fields: Readonly<Record<string, unknown>>, field: string): string {
  const value = Object.hasOwn(fields, field) ? fields[field] : undefined;
  if (value === undefined || value === null) throw new SecretReadError(`the secret has no field \`${field}\``);
  if (typeof value !== 'string' && typeof value !== 'number')
    throw new SecretReadError(`the field \`${field}\` of the secret is neither a text nor a number`);
  const text = String(value).trim();
  if (text === '') throw new SecretReadError(`the field \`${field}\` of the secret is empty`);
  return text;
}
