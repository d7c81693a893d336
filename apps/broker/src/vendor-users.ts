import { createHash, randomUUID } from 'node:crypto';
import { setTimeout as systemSleep } from 'node:timers/promises';
import {
  systemClock,
  ValetKeyError,
  type CallOptions,
  type Clock,
  type Principal,
  type Vendor,
} from '@valetkey/core-types';
import type { Store, VendorUserKey } from './store.ts';
import type { VendorUserSource } from './config.ts';

/**
 * Milliseconds for which a person is reserved to the broker that creates the vendor user. A creation rarely takes longer,
 * and nobody waits longer for a broker that died.
 */
const reservationMs = 3_000;
/** Milliseconds between two looks at what another broker made of its reservation. */
const pollMs = 50;

/**
 * Our stable name for a person at a vendor that keeps one: opaque, so that the vendor learns nothing of the person, and
 * different for two identity providers that use one subject.
 */
export function externalIdOf({ issuer, subject }: Pick<Principal, 'issuer' | 'subject'>): string {
  return `vk_${createHash('sha256')
    .update(JSON.stringify([issuer, subject]))
    .digest('base64url')}`;
}

/** Who a principal is at one vendor. It comes out of the principal alone, never out of the request. */
export interface VendorUsers {
  /** Whether the store says who it is, so that an operator may. */
  readonly areStored: boolean;
  /** What is known without asking the vendor. */
  readonly known: (principal: Principal) => Promise<string | undefined>;
  /** The vendor user, made where that is the way. Throws `vendor_user_not_found`. */
  readonly resolve: (principal: Principal, options?: CallOptions) => Promise<string>;
  /** Forgets a vendor user that the vendor no longer knows. Answers whether another may be resolved. */
  readonly forget: (principal: Principal, vendorUserId: string) => Promise<boolean>;
}

/** Where time comes from; each part has a default. */
export interface VendorUsersEffects {
  readonly clock?: Clock | undefined;
  readonly sleep?: ((ms: number) => Promise<unknown>) | undefined;
}

/** Joins a vendor, the operator's choice of where its users come from, and the store. */
export function createVendorUsers(
  vendor: Vendor,
  source: VendorUserSource,
  store: Store,
  effects: VendorUsersEffects = {},
): VendorUsers {
  if ('claim' in source) return fromClaim(vendor, source.claim, source.issuer);
  return fromStore(vendor, 'ensure' in source ? source.ensure : undefined, store, effects);
}

function readClaim(principal: Principal, claim: string, issuer: string | undefined): string | undefined {
  if (issuer !== undefined && principal.issuer !== issuer) return undefined;
  const value = claim === 'sub' ? principal.subject : principal.claims[claim];
  const isName = typeof value === 'string' && value !== '' && value.length <= 255 && value.isWellFormed();
  return isName ? value : undefined;
}

function fromClaim(vendor: Vendor, claim: string, issuer: string | undefined): VendorUsers {
  const known = async (principal: Principal) => readClaim(principal, claim, issuer);
  return {
    areStored: false,
    known,
    resolve: async (principal) => {
      const vendorUserId = await known(principal);
      if (vendorUserId !== undefined) return vendorUserId;
      throw new ValetKeyError('vendor_user_not_found', `The token names no user at ${vendor.id}.`, {
        vendor: vendor.id,
        remediation:
          issuer !== undefined && principal.issuer !== issuer
            ? `Sign in at ${issuer}: only its tokens name users at ${vendor.id}.`
            : `Ask the identity provider to put the claim "${claim}" into its tokens, as a string.`,
      });
    },
    forget: async () => false,
  };
}

type Ensure = Extract<VendorUserSource, { ensure: unknown }>['ensure'];

function fromStore(
  vendor: Vendor,
  ensure: Ensure | undefined,
  store: Store,
  { clock = systemClock, sleep = systemSleep }: VendorUsersEffects,
): VendorUsers {
  const keyOf = ({ issuer, subject }: Principal) => ({ vendor: vendor.id, issuer, subject });
  const underway = new Map<string, Promise<string>>();

  const notFound = (remediation: string) =>
    new ValetKeyError('vendor_user_not_found', `This user has no user at ${vendor.id}.`, {
      vendor: vendor.id,
      remediation,
    });

  const externalId = (principal: Principal): string => {
    if (ensure === undefined || ensure === true) return externalIdOf(principal);
    const id = readClaim(principal, ensure.externalIdClaim, ensure.issuer);
    if (id !== undefined) return id;
    throw notFound(`Sign in with a token that carries the claim "${ensure.externalIdClaim}", as a string.`);
  };

  /**
   * Waits until no other broker creates this person's vendor user. Answers the one that another has made meanwhile. Who
   * has waited long enough goes on without the reservation: the vendor keeps one user for one name in any case.
   */
  const reserve = async (key: VendorUserKey, owner: string): Promise<string | undefined> => {
    const giveUpAtMs = clock.monotonicMs() + reservationMs;
    for (;;) {
      const nowMs = clock.nowMs();
      const reserved = await store.reserveVendorUser(key, { owner, nowMs, expiresAtMs: nowMs + reservationMs });
      // Read after the reservation: whoever had it before has stored its vendor user by then.
      const known = await store.findVendorUser(key);
      if (known !== undefined || reserved || clock.monotonicMs() >= giveUpAtMs) return known;
      await sleep(pollMs);
    }
  };

  const create = async (principal: Principal): Promise<string> => {
    if (ensure === undefined || vendor.users === undefined) {
      throw notFound('Ask the operator to map this user with `PUT /v1/vendor-users` on the admin listener.');
    }
    const name = externalId(principal);
    const key = keyOf(principal);
    const owner = randomUUID();
    const known = await reserve(key, owner);
    try {
      if (known !== undefined) return known;
      // No caller's signal: those who wait for the same person must not lose their user because one of them left.
      const { vendorUserId } = await vendor.users.ensureUser(name);
      return await store.addVendorUser(key, vendorUserId);
    } finally {
      // One that cannot be given back ends by itself.
      await store.releaseVendorUser(key, owner).catch(() => undefined);
    }
  };

  return {
    areStored: true,
    known: (principal) => store.findVendorUser(keyOf(principal)),
    resolve: async (principal) => {
      const known = await store.findVendorUser(keyOf(principal));
      if (known !== undefined) return known;
      const person = JSON.stringify([principal.issuer, principal.subject]);
      let creation = underway.get(person);
      if (creation === undefined) {
        creation = create(principal).finally(() => underway.delete(person));
        underway.set(person, creation);
      }
      return creation;
    },
    forget: async (principal, vendorUserId) => {
      if (ensure === undefined) return false;
      await store.removeVendorUser(keyOf(principal), vendorUserId);
      return true;
    },
  };
}
