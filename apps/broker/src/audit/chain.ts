import { randomBytes } from 'node:crypto';
import type { Clock } from '@valetkey/core-types';
import type { AuditStore, Decision, LinkedDecision } from '../storage/audit-store.ts';
import { digestPersonal, macOf, type AuditKey } from './audit-key.ts';
import { toColumns } from '../storage/rows.ts';

/** Gives decisions their places in the chain of this process. */
export interface Chain {
  /** Returns the decisions with their places. The decisions of one call must be stored, in this order, before the next call. */
  readonly link: (decisions: readonly Decision[]) => Promise<LinkedDecision[]>;
  /** Begins another chain. It is necessary after decisions that may or may not have been stored. */
  readonly restart: () => void;
}

interface ChainDependencies {
  readonly key: AuditKey;
  readonly store: Pick<AuditStore, 'addWriter' | 'listWriters'>;
  readonly clock: Pick<Clock, 'nowMs'>;
  /** Returns random bytes as base64url. */
  readonly random?: ((bytes: number) => string) | undefined;
}

/** The end of a chain. */
interface Head {
  readonly writer: string;
  readonly sequence: number;
  readonly mac: string;
}

/** How many random bytes are taken from the system at once: one call costs as much for a few bytes as for these. */
const poolBytes = 4_096;

/** Creates the source of random texts. No byte is used twice. */
function createRandom(): (bytes: number) => string {
  let pool = Buffer.alloc(0);
  let used = 0;
  return (bytes) => {
    if (used + bytes > pool.length) {
      pool = randomBytes(Math.max(poolBytes, bytes));
      used = 0;
    }
    used += bytes;
    return pool.toString('base64url', used - bytes, used);
  };
}

/** Creates the chain of this process. It registers a writer with its first decision. */
export function createChain({ key, store, clock, random = createRandom() }: ChainDependencies): Chain {
  let head: Head | undefined;

  const register = async (): Promise<Head> => {
    for (;;) {
      const [last] = await store.listWriters('last');
      const number = (last?.number ?? 0) + 1;
      const writer = random(12);
      const at = new Date(clock.nowMs()).toISOString();
      const mac = key.mac('writer', last?.mac ?? null, number, writer, key.id, at);
      // Another process may have added a writer with this number meanwhile.
      if (await store.addWriter({ number, writer, keyId: key.id, at, mac })) return { writer, sequence: 0, mac };
    }
  };

  return {
    link: async (decisions) => {
      head ??= await register();
      const { writer } = head;
      let { sequence, mac } = head;
      const linked = decisions.map((decision) => {
        const columns = toColumns(decision);
        const salt = random(12);
        const personalDigest = digestPersonal(salt, columns);
        sequence += 1;
        mac = macOf(key, { writer, sequence, previous: mac, personalDigest }, columns);
        return { ...decision, link: { writer, sequence, mac, salt, personalDigest } };
      });
      head = { writer, sequence, mac };
      return linked;
    },
    restart: () => {
      head = undefined;
    },
  };
}
