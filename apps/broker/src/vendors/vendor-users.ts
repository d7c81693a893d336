import { randomUUID } from 'node:crypto';
import { setTimeout as systemSleep } from 'node:timers/promises';
import { readClaim, readTenant, ValetKeyError, type Clock, type Principal, type Vendor } from '@valetkey/core-types';
import type { VendorUserSource } from '../config/connection-policy.ts';
import { principalKey } from '../identity/identify.ts';
import type { Store, VendorUserKey } from '../storage/store.ts';
import { externalIdOf } from './external-id.ts';

/**
 * How long one broker alone may create the vendor user of a principal, in milliseconds. A creation rarely takes longer. If the
 * broker crashes, the other brokers wait at most this long.
 */
const reservationMs = 3_000;
/**
 * The longest wait for one creation, in milliseconds. It matters only for an adapter without its own deadline; the adapter's
 * call itself continues.
 */
const maxCreationMs = 180_000;
/** How often a waiting broker checks whether the other broker has finished, in milliseconds. */
const pollMs = 50;

/** The vendor users of one connection. Only the verified principal decides which one is returned, never the request. */
export interface VendorUsers {
  /** Whether the vendor users are in the store, where an operator may set them. */
  readonly areStored: boolean;
  /** Returns the vendor user that the token or the store names, without calling the vendor. */
  readonly known: (principal: Principal) => Promise<string | undefined>;
  /**
   * Returns where `resolve` would get the vendor user from, without calling the vendor. Rejects with `vendor_user_not_found` if
   * neither the token nor the store names the vendor user, and none can be created.
   */
  readonly origin: (principal: Principal) => Promise<VendorUserOrigin>;
  /**
   * Returns the vendor user. With the source `ensure`, it creates a missing one and passes it to `onChange`. Rejects with
   * `vendor_user_not_found`.
   */
  readonly resolve: (principal: Principal, onChange?: OnMappingChange) => Promise<string>;
  /**
   * With the source `ensure`, removes a vendor user that the vendor does not know, passes it to `onChange`, and resolves to
   * true: `resolve` may then return another one. With another source, resolves to false and changes nothing. Rejects with
   * `vendor_unavailable` if the vendor has the user after all, and with `vendor_user_not_found` if the operator chose the user:
   * only the operator may replace it.
   */
  readonly forget: (principal: Principal, vendorUserId: string, onChange?: OnMappingChange) => Promise<boolean>;
}

/** Where a vendor user comes from: a claim of the token, the store, or the vendor, which would create it. */
export type VendorUserOrigin = 'claim' | 'store' | 'creation';

/** A change of the stored vendor users. */
export interface MappingChange {
  readonly operation: 'map' | 'unmap';
  readonly vendorUserId: string;
}

/** Records a change before the operation continues. */
export type OnMappingChange = (change: MappingChange) => Promise<void>;

const ignoreChange: OnMappingChange = async () => undefined;

export interface VendorUsersOptions {
  readonly connection: string;
  readonly vendor: Pick<Vendor, 'id' | 'users'>;
  /** Default: `ensure` for a vendor that can create users, else `mapping`. */
  readonly source?: VendorUserSource | undefined;
  readonly store: Store;
  readonly clock: Clock;
  readonly sleep?: ((ms: number) => Promise<unknown>) | undefined;
}

export function createVendorUsers(options: VendorUsersOptions): VendorUsers {
  const { vendor, source = vendor.users === undefined ? { mapping: true } : { ensure: true } } = options;
  if ('claim' in source) return createClaimedUsers(options, source);
  return 'ensure' in source ? createEnsuredUsers(options, source.ensure) : createMappedUsers(options);
}

function readUserId(principal: Principal, claim: string, issuer: string | undefined): string | undefined {
  if (issuer !== undefined && readTenant(issuer, principal.issuer) === undefined) return undefined;
  const value = claim === 'sub' ? principal.subject : readClaim(principal.claims, claim);
  return isVendorUserId(value) ? value : undefined;
}

function isVendorUserId(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= 255 && value.isWellFormed();
}

/** Returns `VendorUsers` for the source `claim`: a claim of the token names the vendor user. */
function createClaimedUsers(
  { connection, vendor }: VendorUsersOptions,
  { claim, issuer }: Extract<VendorUserSource, { claim: string }>,
): VendorUsers {
  const nameOf = vendor.users?.nameOf ?? ((claimed: string) => claimed);
  const known = async (principal: Principal) => {
    const claimed = readUserId(principal, claim, issuer);
    return claimed === undefined ? undefined : nameOf(claimed);
  };
  const resolve = async (principal: Principal) => {
    const vendorUserId = await known(principal);
    if (vendorUserId !== undefined) return vendorUserId;
    throw new ValetKeyError('vendor_user_not_found', `The token names no user at ${connection}.`, {
      vendor: vendor.id,
      remediation:
        issuer !== undefined && readTenant(issuer, principal.issuer) === undefined
          ? `Sign in at ${issuer}: only its tokens name users at ${connection}.`
          : `Configure the identity provider to include the claim "${claim}" in its tokens, as a string that ${connection} accepts as the id of a user.`,
    });
  };
  return {
    areStored: false,
    known,
    resolve,
    origin: async (principal) => {
      await resolve(principal);
      return 'claim';
    },
    forget: async () => false,
  };
}

/** Returns `VendorUsers` for the source `mapping`: the operator stores a vendor user for each principal. */
function createMappedUsers({ connection, vendor, store }: VendorUsersOptions): VendorUsers {
  const known = (principal: Principal) => store.findVendorUser(keyOf({ connection, vendor }, principal));
  const resolve = async (principal: Principal) => {
    const vendorUserId = await known(principal);
    if (vendorUserId !== undefined) return vendorUserId;
    const remediation = 'Ask the operator to map this user with `PUT /v1/vendor-users` on the admin listener.';
    throw notFoundError(connection, vendor, remediation);
  };
  return {
    areStored: true,
    known,
    resolve,
    origin: async (principal) => {
      await resolve(principal);
      return 'store';
    },
    forget: async () => false,
  };
}

/**
 * Returns `VendorUsers` for the source `ensure`: the vendor creates a user at a principal's first request, and the broker
 * stores it.
 */
function createEnsuredUsers(
  { connection, vendor, store, clock, sleep = systemSleep }: VendorUsersOptions,
  ensure: Extract<VendorUserSource, { ensure: unknown }>['ensure'],
): VendorUsers {
  const pendingCreations = new Map<string, Promise<string>>();

  /**
   * Waits until no other broker is creating this vendor user. Returns the vendor user if another broker has stored it
   * meanwhile, else undefined. After `reservationMs` it continues without the reservation: even if two brokers then create
   * the vendor user, the vendor keeps only one user per external id.
   */
  const reserve = async (key: VendorUserKey, owner: string): Promise<string | undefined> => {
    const giveUpAtMs = clock.monotonicMs() + reservationMs;
    for (;;) {
      const nowMs = clock.nowMs();
      const isReserved = await store.reserveVendorUser(key, { owner, nowMs, expiresAtMs: nowMs + reservationMs });
      // Read after the reservation, because a previous owner stores its vendor user before it releases the reservation.
      const known = await store.findVendorUser(key);
      if (known !== undefined || isReserved || clock.monotonicMs() >= giveUpAtMs) return known;
      await sleep(pollMs);
    }
  };

  const create = async (principal: Principal, onChange: OnMappingChange): Promise<string> => {
    if (vendor.users === undefined) throw new ValetKeyError('internal', `${vendor.id} cannot create users.`);
    const externalId = readExternalId({ connection, vendor }, ensure, principal);
    const key = keyOf({ connection, vendor }, principal);
    const owner = randomUUID();
    const known = await reserve(key, owner);
    try {
      if (known !== undefined) return known;
      // Without the caller's signal: other callers may wait for the same creation, and a disconnect must not abort it.
      const { vendorUserId } = await beforeDeadline(vendor.id, vendor.users.ensureUser(externalId));
      if (!isVendorUserId(vendorUserId)) {
        throw new ValetKeyError('vendor_response_invalid', 'The vendor returned no user id.', { vendor: vendor.id });
      }
      const stored = await store.addVendorUser(key, vendorUserId);
      if (stored === vendorUserId) await onChange({ operation: 'map', vendorUserId });
      return stored;
    } finally {
      // If the release fails, the reservation ends at its expiry.
      await store.releaseVendorUser(key, owner).catch(() => undefined);
    }
  };

  const known = (principal: Principal) => store.findVendorUser(keyOf({ connection, vendor }, principal));
  return {
    areStored: true,
    known,
    origin: async (principal) => {
      if ((await known(principal)) !== undefined) return 'store';
      readExternalId({ connection, vendor }, ensure, principal);
      return 'creation';
    },
    resolve: async (principal, onChange = ignoreChange) => {
      const vendorUserId = await known(principal);
      if (vendorUserId !== undefined) return vendorUserId;
      const key = principalKey(principal);
      const creation =
        pendingCreations.get(key) ?? create(principal, onChange).finally(() => pendingCreations.delete(key));
      pendingCreations.set(key, creation);
      return creation;
    },
    forget: (principal, vendorUserId, onChange = ignoreChange) =>
      forgetUser({ connection, vendor, store }, principal, vendorUserId, onChange),
  };
}

/** Returns the external id under which the vendor creates the user of a principal. */
function readExternalId(
  { connection, vendor }: Pick<VendorUsersOptions, 'connection' | 'vendor'>,
  ensure: Extract<VendorUserSource, { ensure: unknown }>['ensure'],
  principal: Principal,
): string {
  if (ensure === true) return externalIdOf(principal);
  const id = readUserId(principal, ensure.externalIdClaim, ensure.issuer);
  if (id !== undefined) return id;
  const remediation = `Sign in with a token that carries the claim "${ensure.externalIdClaim}", as a string.`;
  throw notFoundError(connection, vendor, remediation);
}

/** Removes a vendor user that the broker created and that the vendor does not have. */
async function forgetUser(
  { connection, vendor, store }: Pick<VendorUsersOptions, 'connection' | 'vendor' | 'store'>,
  principal: Principal,
  vendorUserId: string,
  onChange: OnMappingChange,
): Promise<boolean> {
  const key = keyOf({ connection, vendor }, principal);
  if (await vendor.users?.hasUser?.(vendorUserId)) throw contradictionError(connection, vendor);
  if (await store.forgetVendorUser(key, vendorUserId)) await onChange({ operation: 'unmap', vendorUserId });
  else if ((await store.findVendorUser(key)) === vendorUserId) throw chosenUserMissingError(connection, vendor);
  return true;
}

/** Settles as a creation does, but rejects after `maxCreationMs`: all requests of the principal wait for this creation. */
async function beforeDeadline<Result>(vendor: string, creation: Promise<Result>): Promise<Result> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const fail = () => reject(new ValetKeyError('vendor_timeout', 'The vendor created no user in time.', { vendor }));
  const timer = setTimeout(fail, maxCreationMs);
  try {
    return await Promise.race([creation, late]);
  } finally {
    clearTimeout(timer);
  }
}

function keyOf(
  { connection, vendor }: Pick<VendorUsersOptions, 'connection' | 'vendor'>,
  { issuer, subject }: Principal,
): VendorUserKey {
  return { connection, vendor: vendor.id, issuer, subject };
}

function notFoundError(connection: string, { id }: Pick<Vendor, 'id'>, remediation: string): ValetKeyError {
  return new ValetKeyError('vendor_user_not_found', `This user has no vendor user at ${connection}.`, {
    vendor: id,
    remediation,
  });
}

/** Returns the error for a vendor that issued no token because of an unknown user, although it has the user. */
function contradictionError(connection: string, { id }: Pick<Vendor, 'id'>): ValetKeyError {
  return new ValetKeyError('vendor_unavailable', `${connection} has this user, but issued no token for it.`, {
    vendor: id,
    reason: 'user_exists',
    advice:
      'The vendor said that it does not know the user, and then returned the user. Check the base URL of the vendor.',
  });
}

/** Returns the error for a vendor user that the operator chose and that the vendor does not have. */
function chosenUserMissingError(connection: string, { id }: Pick<Vendor, 'id'>): ValetKeyError {
  return new ValetKeyError(
    'vendor_user_not_found',
    `${connection} does not have the vendor user that is mapped to this user.`,
    {
      vendor: id,
      reason: 'mapped_user_missing',
      advice:
        'The broker did not create this vendor user, so it creates no other one in its place. If the user was deleted at the ' +
        'vendor on purpose, map another one with `PUT /v1/vendor-users` on the admin listener, or remove the mapping with ' +
        '`DELETE /v1/vendor-users` so that the broker creates one.',
    },
  );
}
