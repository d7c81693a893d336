import { randomUUID } from 'node:crypto';
import type { Clock } from '@valetkey/core-types';
import type { TokenFlaw } from '../../engine/responses.ts';
import { nowSeconds } from '../../engine/now-seconds.ts';
import type { SigningKeys } from '../../engine/signing-keys.ts';

export interface NablaSessionDependencies {
  readonly clock: Clock;
  readonly keys: SigningKeys;
  readonly issuer: () => string;
}

/** A refresh token that has not been used. */
export interface NablaSession {
  /** The `jti` of the refresh token. */
  readonly id: string;
  readonly patientId: string;
}

const accessLifetimeSeconds = 300;
const refreshLifetimeSeconds = 30 * 86_400;
/** Bounds the memory of a load test, which never refreshes most of its tokens. */
const maxSessions = 100_000;

export type NablaSessions = ReturnType<typeof createNablaSessions>;

/** Keeps the sessions of Nabla's patients and signs their tokens. */
export function createNablaSessions({ clock, keys, issuer }: NablaSessionDependencies) {
  /** The patients, by the ids of the refresh tokens that are still valid. */
  const patients = new Map<string, string>();

  async function start(patientId: string, flaw: TokenFlaw | undefined) {
    const iat = nowSeconds(clock);
    const refreshId = randomUUID();
    const sign = (type: 'access' | 'refresh', jti: string, lifetime: number) =>
      keys.sign({ iss: issuer(), sub: patientId, iat, jti, type, exp: iat + lifetime }, { flaw });
    const tokens = {
      access_token: await sign('access', randomUUID(), accessLifetimeSeconds),
      refresh_token: await sign('refresh', refreshId, refreshLifetimeSeconds),
    };
    patients.set(refreshId, patientId);
    const [oldest] = patients.keys();
    if (patients.size > maxSessions && oldest !== undefined) patients.delete(oldest);
    return tokens;
  }

  /** Resolves to the session of a refresh token, or to undefined for a token that is not valid or has been used. */
  async function find(refreshToken: unknown): Promise<NablaSession | undefined> {
    const claims = typeof refreshToken === 'string' ? await keys.verify(refreshToken) : undefined;
    const id = claims?.['type'] === 'refresh' ? claims.jti : undefined;
    const patientId = id === undefined ? undefined : patients.get(id);
    return id === undefined || patientId === undefined ? undefined : { id, patientId };
  }

  /** Ends a session. Returns whether it still existed. */
  function end({ id }: NablaSession): boolean {
    return patients.delete(id);
  }

  /** Ends a patient's refresh tokens. Access tokens remain valid, because Nabla cannot revoke them. */
  function revoke(patientId: string): void {
    for (const [id, owner] of patients) if (owner === patientId) patients.delete(id);
  }

  /** Resolves to the patient of an access token, or to undefined for any other token. */
  async function findPatient(accessToken: string): Promise<string | undefined> {
    const claims = await keys.verify(accessToken);
    return claims?.['type'] === 'access' ? claims.sub : undefined;
  }

  return { start, find, end, revoke, findPatient };
}
