import { Secret, type Clock } from '@valetkey/core-types';
import { z } from 'zod';
import { SecretReadError } from './secret-manager.ts';
import type { VaultAuth } from './secrets-fields.ts';
import { describeStatus, type CallVault } from './vault-calls.ts';

/** What a login works with. */
export interface LoginDependencies {
  readonly call: CallVault;
  readonly clock: Clock;
  readonly readTextFile: (path: string) => Promise<string>;
  /** Runs `work`, which never rejects, after `delayMs`, unless the returned function is called before. */
  readonly schedule: (work: () => Promise<void>, delayMs: number) => () => void;
  /** Receives what an operator should know about a login that could not be renewed. */
  readonly onProblem: (problem: string) => void;
}

/** The login at Vault. It is renewed before it ends, for as long as it is not closed. */
export interface VaultLogin {
  /** Returns the token of the login, and logs in if there is none. */
  readonly token: () => Promise<Secret>;
  /** Replaces a token that Vault refused. Returns undefined if only the operator can do that. */
  readonly replace: (refused: Secret) => Promise<Secret | undefined>;
  readonly close: () => void;
}

/** A token of Vault. With a `leaseMs` of 0, it does not end, or Vault does not say when. */
interface Grant {
  readonly token: Secret;
  readonly renewable: boolean;
  readonly leaseMs: number;
}

const authSchema = z.object({
  auth: z.object({
    client_token: z.string().min(1),
    lease_duration: z.number().min(0),
    renewable: z.boolean(),
  }),
});

const lookUpSchema = z.object({ data: z.object({ ttl: z.number().min(0), renewable: z.boolean().default(false) }) });

/** A login is renewed after this part of its life, so that a failed attempt can be repeated. */
const renewalPart = 2 / 3;
const minRenewalMs = 1_000;
const maxRenewalMs = 86_400_000;

/** Returns the field of a login's configuration, the path of its auth method, and the body that says who logs in. */
async function describeAuth(
  auth: Exclude<VaultAuth, { readonly token: unknown }>,
  readTextFile: LoginDependencies['readTextFile'],
) {
  if ('appRole' in auth) {
    const { roleId, secretId, mount } = auth.appRole;
    return { field: 'appRole', mount, body: { role_id: roleId, secret_id: secretId.reveal() } };
  }
  const { role, tokenFile, mount } = auth.kubernetes;
  const jwt = await readTextFile(tokenFile).catch(() => {
    throw new SecretReadError(
      `the file ${tokenFile} with the token of the service account cannot be read; mount it, or set \`secrets.vault.auth.kubernetes.tokenFile\``,
    );
  });
  return { field: 'kubernetes', mount, body: { role, jwt: jwt.trim() } };
}

/** Logs in, or finds out how long the configured token lives. */
async function logIn(auth: VaultAuth, { call, readTextFile }: LoginDependencies): Promise<Grant> {
  if ('token' in auth) {
    const { status, body } = await call({ method: 'GET', path: 'auth/token/lookup-self', token: auth.token });
    if (status >= 500) throw new SecretReadError(describeStatus(status));
    // A token without the default policy may be good and yet not look itself up.
    const { data: { ttl, renewable } = { ttl: 0, renewable: false } } = lookUpSchema.safeParse(body).data ?? {};
    return { token: auth.token, renewable, leaseMs: ttl * 1_000 };
  }
  const { field, mount, body: login } = await describeAuth(auth, readTextFile);
  const { status, body } = await call({ method: 'POST', path: `auth/${mount}/login`, body: login });
  const granted = readGrant(status, body);
  if (granted !== undefined) return granted;
  if (![400, 403, 404].includes(status)) throw new SecretReadError(describeStatus(status));
  throw new SecretReadError(
    `Vault refuses the login (${status}); check \`secrets.vault.auth.${field}\` and \`secrets.vault.namespace\``,
  );
}

function readGrant(status: number, body: unknown): Grant | undefined {
  const { data } = authSchema.safeParse(status === 200 ? body : undefined);
  if (data === undefined) return undefined;
  const { client_token: token, lease_duration: seconds, renewable } = data.auth;
  return { token: new Secret(token), renewable, leaseMs: seconds * 1_000 };
}

/** Extends the life of a token. Returns undefined if Vault does not extend it. */
async function renew({ token, renewable }: Grant, call: CallVault): Promise<Grant | undefined> {
  if (!renewable) return undefined;
  const { status, body } = await call({ method: 'POST', path: 'auth/token/renew-self', token, body: {} });
  if (status >= 500 || status === 429) throw new SecretReadError(describeStatus(status));
  return readGrant(status, body);
}

/** Creates the login of a method. It calls Vault when its token is first needed. */
export function createVaultLogin(auth: VaultAuth, dependencies: LoginDependencies): VaultLogin {
  const { call, clock, schedule, onProblem } = dependencies;
  let current: Grant | undefined;
  let pending: Promise<Grant> | undefined;
  let cancel: () => void = () => undefined;
  let closed = false;

  function begin(): Promise<Grant> {
    pending ??= logIn(auth, dependencies)
      .then((grant) => adopt(grant, grant.leaseMs))
      .finally(() => {
        pending = undefined;
      });
    return pending;
  }

  /** `firstLeaseMs` is the life that the login had when it began. */
  function adopt(grant: Grant, firstLeaseMs: number): Grant {
    current = grant;
    const endsAtMs = clock.monotonicMs() + grant.leaseMs;
    const plan = (leftMs: number): void => {
      cancel();
      if (closed || firstLeaseMs === 0) return;
      const delayMs = Math.min(Math.max(leftMs * renewalPart, minRenewalMs), maxRenewalMs);
      cancel = schedule(attempt, delayMs);
    };
    const attempt = async (): Promise<void> => {
      try {
        await extend(grant, firstLeaseMs);
      } catch (error) {
        onProblem(`the login at Vault could not be renewed: ${SecretReadError.reasonOf(error)}`);
        const leftMs = endsAtMs - clock.monotonicMs();
        if (leftMs > minRenewalMs) plan(leftMs);
      }
    };
    plan(grant.leaseMs);
    return grant;
  }

  async function extend(grant: Grant, firstLeaseMs: number): Promise<void> {
    const renewed = await renew(grant, call);
    // Near its maximum lifetime, Vault extends a login by less and less.
    if (renewed !== undefined && renewed.leaseMs >= firstLeaseMs / 2) adopt(renewed, firstLeaseMs);
    else if (!('token' in auth)) await begin();
    else onProblem('Vault extends the life of the token of secrets.vault.auth.token no longer; replace it');
  }

  return {
    token: async () => (current ?? (await begin())).token,
    async replace(refused) {
      if ('token' in auth) return undefined;
      const isReplaced = current !== undefined && current.token !== refused;
      return (isReplaced ? current : await begin())?.token;
    },
    close() {
      closed = true;
      cancel();
    },
  };
}
