import { randomUUID } from 'node:crypto';
import type { Call } from './answer.ts';
import { nowSeconds, type SimulationEnvironment } from './simulation.ts';

/** A user as the simulated Vital keeps it. */
export interface VitalUser {
  readonly userId: string;
  readonly clientUserId: string;
  readonly createdOn: string;
  readonly settings: Readonly<Record<string, unknown>>;
  /** Seconds since 1970 when it was deleted. */
  readonly deletedAt?: number | undefined;
}

/** Whom a vendor that mixes people up answers about: a user like any other, known by the id alone. */
export const somebodyElse: VitalUser = {
  userId: '00000000-0000-4000-8000-00000000bad0',
  clientUserId: 'wrong-user',
  createdOn: '2023-02-27T12:31:24+00:00',
  settings: {},
};

/** The id of the user that an answer is about. */
export const aboutWhom = (userId: string, call: Call): string => (call.wrongUser ? somebodyElse.userId : userId);

const undoWindowSeconds = 7 * 86_400;

export type VitalUsers = ReturnType<typeof createVitalUsers>;

/** Keeps the users of one team. One step each, so that of two creations at once the second meets the first. */
export const createVitalUsers = ({ clock }: Pick<SimulationEnvironment, 'clock'>) => {
  const users = new Map<string, VitalUser>();
  const idsByClientUserId = new Map<string, string>();
  const disabled = new Set<string>();

  const find = (userId: string): VitalUser | undefined => {
    const id = userId.toLowerCase();
    const user = users.get(id) ?? (id === somebodyElse.userId ? somebodyElse : undefined);
    return user?.deletedAt === undefined ? user : undefined;
  };
  const findByClientUserId = (clientUserId: string) => find(idsByClientUserId.get(clientUserId) ?? '');

  return {
    find,
    findByClientUserId,
    isDisabled: (userId: string): boolean => disabled.has(userId.toLowerCase()),
    disable: (userId: string): void => {
      disabled.add(userId.toLowerCase());
    },
    enable: (userId: string): void => {
      disabled.delete(userId.toLowerCase());
    },
    all: (): readonly VitalUser[] => [...users.values()].filter((user) => user.deletedAt === undefined),

    create: (clientUserId: string, settings: VitalUser['settings'] = {}): { user: VitalUser; created: boolean } => {
      const existing = findByClientUserId(clientUserId);
      if (existing !== undefined) return { user: existing, created: false };
      const user = {
        userId: randomUUID(),
        clientUserId,
        createdOn: new Date(clock.nowMs()).toISOString().replace(/\.\d+Z$/, '+00:00'),
        settings,
      };
      users.set(user.userId, user);
      idsByClientUserId.set(clientUserId, user.userId);
      return { user, created: true };
    },

    /** Changes a user; answers whoever has the new name already, if somebody has. */
    update: (
      user: VitalUser,
      changes: Partial<Pick<VitalUser, 'clientUserId' | 'settings'>>,
    ): VitalUser | undefined => {
      const { clientUserId = user.clientUserId } = changes;
      const owner = findByClientUserId(clientUserId);
      if (owner !== undefined && owner.userId !== user.userId) return owner;
      idsByClientUserId.delete(user.clientUserId);
      idsByClientUserId.set(clientUserId, user.userId);
      users.set(user.userId, { ...user, clientUserId, settings: { ...user.settings, ...changes.settings } });
      return undefined;
    },

    delete: (userId: string): boolean => {
      const user = find(userId);
      if (user === undefined) return false;
      users.set(user.userId, { ...user, deletedAt: nowSeconds(clock) });
      idsByClientUserId.delete(user.clientUserId);
      return true;
    },

    /** Takes a deletion back within its seven days, unless somebody else has the name by now. */
    undoDelete: (isMeant: (user: VitalUser) => boolean): boolean => {
      const user = [...users.values()].findLast((user) => user.deletedAt !== undefined && isMeant(user));
      if (user?.deletedAt === undefined || idsByClientUserId.has(user.clientUserId)) return false;
      if (nowSeconds(clock) - user.deletedAt > undoWindowSeconds) return false;
      users.set(user.userId, { ...user, deletedAt: undefined });
      idsByClientUserId.set(user.clientUserId, user.userId);
      return true;
    },
  };
};
