import type { MonotonicClock } from '../calls/clock.ts';
import { isToken } from '../session/session-tokens.ts';
import type { DeviceStorage } from '../storage/device-storage.ts';
import { ValetError } from '../errors/valet-error.ts';

/** A sign-in that has begun: what its callback must match, and what redeems its code. */
export interface PendingRequest {
  /** The `state` of the request, which the provider returns. It names the request. */
  readonly id: string;
  readonly verifier: string;
  readonly nonce: string;
  /** The text that the app passed to `authorize`. */
  readonly state?: string | undefined;
  readonly beganAtMs: number;
}

/** The sign-ins that have begun and not ended. */
export interface PendingRequests {
  readonly add: (request: Omit<PendingRequest, 'beganAtMs'>) => Promise<void>;
  readonly has: (id: string) => Promise<boolean>;
  /** Removes a request and resolves with it, or with undefined. No two calls, in any tab, resolve with one request. */
  readonly take: (id: string) => Promise<PendingRequest | undefined>;
}

/** Milliseconds in which a sign-in must end. */
const lifetimeMs = 600_000;
/** A user begins more sign-ins only by mistake. */
const maxRequests = 8;
const maxAttempts = 20;

/** The part of a storage that sign-ins need. */
export type PendingStorage = Pick<DeviceStorage, 'read' | 'replace'>;

/** Returns the storage of this browser tab, which survives the way to the provider and back. */
export function tabStorage(): PendingStorage | undefined {
  try {
    const { sessionStorage } = globalThis;
    if (!sessionStorage) return undefined;
    // No other program writes here, so a text is its own revision.
    return {
      read: async (key) => {
        const text = sessionStorage.getItem(key);
        return text === null ? null : { text, revision: text };
      },
      replace: async (key, expected, text) => {
        if (sessionStorage.getItem(key) !== expected) return null;
        sessionStorage.setItem(key, text);
        return text;
      },
    };
  } catch {
    // A browser that forbids storage throws.
    return undefined;
  }
}

export function createPendingRequests(
  storage: PendingStorage,
  key: string,
  { nowMs }: MonotonicClock,
): PendingRequests {
  async function read() {
    const stored = await storage.read(key);
    // The device's clock may also have been set back.
    const requests = parseRequests(stored?.text).filter(({ beganAtMs }) => Math.abs(nowMs() - beganAtMs) < lifetimeMs);
    return { requests, revision: stored?.revision ?? null };
  }

  /** Replaces the list, again if another tab was first. Resolves with the list before. */
  async function update(change: (requests: readonly PendingRequest[]) => readonly PendingRequest[]) {
    for (let attempt = 0; attempt < maxAttempts; attempt += 1) {
      const { requests, revision } = await read();
      const changed = change(requests);
      if (changed === requests) return requests;
      if ((await storage.replace(key, revision, JSON.stringify(changed))) !== null) return requests;
    }
    throw unavailable();
  }

  return {
    add: (request) =>
      orUnavailable(async () => {
        await update((requests) => [...requests, { ...request, beganAtMs: nowMs() }].slice(-maxRequests));
      }),
    has: (id) => orUnavailable(async () => (await read()).requests.some((request) => request.id === id)),
    take: (id) =>
      orUnavailable(async () => {
        const isOther = (request: PendingRequest) => request.id !== id;
        const before = await update((requests) => (requests.every(isOther) ? requests : requests.filter(isOther)));
        return before.find((request) => !isOther(request));
      }),
  };
}

/** Returns the requests in a stored text. A text that this version did not write has none. */
function parseRequests(text: string | undefined): readonly PendingRequest[] {
  try {
    const list: unknown = JSON.parse(text ?? '[]');
    return Array.isArray(list) ? list.filter(isRequest) : [];
  } catch {
    return [];
  }
}

/** Without a nonce, nothing would show that the ID token is that of the sign-in. */
function isRequest(value: Partial<PendingRequest> | null): value is PendingRequest {
  return [value?.id, value?.verifier, value?.nonce].every(isToken);
}

async function orUnavailable<Result>(run: () => Promise<Result>): Promise<Result> {
  try {
    return await run();
  } catch {
    throw unavailable();
  }
}

function unavailable(): ValetError {
  return new ValetError('storage_unavailable', 'The storage of the sign-in cannot be read or written.');
}
