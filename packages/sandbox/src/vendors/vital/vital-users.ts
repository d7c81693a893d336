import { randomUUID } from 'node:crypto';
import type { Clock } from '@valetkey/core-types';
import type { Call } from '../../engine/responses.ts';
import { nowSeconds } from '../../engine/now-seconds.ts';

/** A user of the simulated Vital. */
export interface VitalUser {
  readonly userId: string;
  readonly clientUserId: string;
  readonly createdOn: string;
  readonly settings: Readonly<Record<string, unknown>>;
  /** Seconds since 1970 when the user was deleted. */
  readonly deletedAt?: number | undefined;
}

/** With `wrongUser`, responses are about this user. `find` returns it for its id, but it is in no list. */
const wrongUser: VitalUser = {
  userId: '00000000-0000-4000-8000-00000000bad0',
  clientUserId: 'wrong-user',
  createdOn: '2023-02-27T12:31:24+00:00',
  settings: {},
};

/** Returns the user that a response is about. */
export function shownUser(user: VitalUser, call: Call): VitalUser {
  return call.wrongUser ? wrongUser : user;
}

/** Returns the id of the user that a response is about. */
export function shownUserId(userId: string, call: Call): string {
  return call.wrongUser ? wrongUser.userId : userId;
}

const undoWindowSeconds = 7 * 86_400;

export type VitalUsers = ReturnType<typeof createVitalUsers>;

/** Keeps the users of one team. Every change is synchronous, so that of two concurrent creations the second conflicts. */
export function createVitalUsers(clock: Clock) {
  const table = createUserTable();

  /** Creates a user. If another user has the client user id, returns that user instead. */
  function create(
    clientUserId: string,
    settings: VitalUser['settings'] = {},
  ): { readonly user: VitalUser; readonly created: boolean } {
    const existing = table.findByClientUserId(clientUserId);
    if (existing !== undefined) return { user: existing, created: false };
    const createdOn = new Date(clock.nowMs()).toISOString().replace(/\.\d+Z$/, '+00:00');
    const user = { userId: randomUUID(), clientUserId, createdOn, settings };
    table.save(user);
    return { user, created: true };
  }

  /** Changes a user. If another user has the new client user id, changes nothing and returns that user. */
  function update(
    user: VitalUser,
    { clientUserId = user.clientUserId, settings }: Partial<Pick<VitalUser, 'clientUserId' | 'settings'>>,
  ): VitalUser | undefined {
    const owner = table.findByClientUserId(clientUserId);
    if (owner !== undefined && owner.userId !== user.userId) return owner;
    table.remove(user);
    table.save({ ...user, clientUserId, settings: { ...user.settings, ...settings } });
    return undefined;
  }

  /** Deletes a user. Returns whether the user existed. */
  function remove(userId: string): boolean {
    const user = table.find(userId);
    if (user !== undefined) table.remove({ ...user, deletedAt: nowSeconds(clock) });
    return user !== undefined;
  }

  /** Undoes a deletion within seven days, unless another user has the client user id now. */
  function undoDelete(matches: (user: VitalUser) => boolean): boolean {
    const user = table.allEver().findLast((user) => user.deletedAt !== undefined && matches(user));
    if (user?.deletedAt === undefined || table.findByClientUserId(user.clientUserId) !== undefined) return false;
    if (nowSeconds(clock) - user.deletedAt > undoWindowSeconds) return false;
    table.save({ ...user, deletedAt: undefined });
    return true;
  }

  return {
    find: table.find,
    findByClientUserId: table.findByClientUserId,
    create,
    update,
    remove,
    undoDelete,
    all: (): readonly VitalUser[] => table.allEver().filter((user) => user.deletedAt === undefined),
    ...createDisabledUsers(),
  };
}

/** Keeps users, deleted ones included, and finds those that are not deleted. */
function createUserTable() {
  const users = new Map<string, VitalUser>();
  const idsByClientUserId = new Map<string, string>();

  function find(userId: string): VitalUser | undefined {
    const id = userId.toLowerCase();
    const user = users.get(id) ?? (id === wrongUser.userId ? wrongUser : undefined);
    return user?.deletedAt === undefined ? user : undefined;
  }

  return {
    find,
    findByClientUserId: (clientUserId: string) => find(idsByClientUserId.get(clientUserId) ?? ''),
    allEver: () => [...users.values()],
    save(user: VitalUser): void {
      users.set(user.userId, user);
      idsByClientUserId.set(user.clientUserId, user.userId);
    },
    /** Keeps the user as given, but no longer finds it by its client user id. */
    remove(user: VitalUser): void {
      users.set(user.userId, user);
      idsByClientUserId.delete(user.clientUserId);
    },
  };
}

function createDisabledUsers() {
  const disabled = new Set<string>();
  return {
    isDisabled: (userId: string): boolean => disabled.has(userId.toLowerCase()),
    disable: (userId: string): void => void disabled.add(userId.toLowerCase()),
    enable: (userId: string): void => void disabled.delete(userId.toLowerCase()),
  };
}
