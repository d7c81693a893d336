import { Secret, type ServerToken, ValetKeyError } from '@valetkey/core-types';
import type { Replica } from './replica.ts';
import type { World } from './world.ts';

/**
 * How the vendor behaves for a while. A `silent` vendor never responds; with a `deaf` one, the call also ignores its
 * abort signal. A `repeating` vendor returns its latest token again.
 */
export type VendorMood = 'well' | 'slow' | 'failing' | 'throttling' | 'silent' | 'deaf' | 'repeating';

/** One call to the token endpoint. */
export interface VendorCall {
  readonly key: string;
  readonly replica: string;
  readonly startMs: number;
  readonly mood: VendorMood;
  /** When the replica received the response, gave up or crashed. */
  endMs: number;
  ending: 'open' | 'token' | 'failed' | 'given-up';
  token: MintedToken | undefined;
  /** How long the token lives according to the vendor. */
  saidMs: number;
}

/** A token that the vendor issued. */
export interface MintedToken {
  readonly text: string;
  readonly key: string;
  readonly mintedAtMs: number;
  readonly expiresAtMs: number;
  refused: boolean;
}

export interface SimulatedVendor {
  readonly issueFor: (replica: Replica, key: string) => (options: { signal: AbortSignal }) => Promise<ServerToken>;
  readonly setMood: (mood: VendorMood, durationMs: number) => void;
  readonly calls: readonly VendorCall[];
  readonly minted: (text: string) => MintedToken | undefined;
}

export interface VendorOptions {
  readonly world: World;
  readonly lifeSeconds: number;
  readonly latencyMs: number;
  readonly issueTimeoutMs: number;
}

export function createSimulatedVendor(options: VendorOptions): SimulatedVendor {
  const { world, lifeSeconds, latencyMs, issueTimeoutMs } = options;
  const calls: VendorCall[] = [];
  const tokens = new Map<string, MintedToken>();
  const latest = new Map<string, MintedToken>();
  let mood: VendorMood = 'well';

  function mint(key: string): MintedToken {
    const last = latest.get(key);
    if (mood === 'repeating' && last !== undefined && last.expiresAtMs > world.nowMs() && !last.refused) return last;
    const mintedAtMs = world.nowMs();
    const text = `token-${tokens.size + 1}`;
    const token = { text, key, mintedAtMs, expiresAtMs: mintedAtMs + lifeSeconds * 1000, refused: false };
    tokens.set(text, token);
    latest.set(key, token);
    return token;
  }

  function issueFor(replica: Replica, key: string) {
    return ({ signal }: { signal: AbortSignal }): Promise<ServerToken> =>
      new Promise((resolve, reject) => {
        const call: VendorCall = {
          key,
          replica: replica.name,
          startMs: world.nowMs(),
          mood,
          endMs: Number.POSITIVE_INFINITY,
          ending: 'open',
          token: undefined,
          saidMs: 0,
        };
        calls.push(call);
        const end = (ending: VendorCall['ending'], settle: () => void): void => {
          if (call.ending !== 'open') return;
          call.ending = ending;
          call.endMs = world.nowMs();
          settle();
        };
        signal.addEventListener('abort', () => {
          // With a deaf vendor, the call does not settle when it is aborted. The cache must continue without it.
          end('given-up', () => call.mood !== 'deaf' && reject(signal.reason));
        });
        const outMs = latencyMs * (0.5 + world.random()) * (mood === 'slow' ? 4 : 1);
        const backMs = latencyMs * (0.5 + world.random());
        if (mood === 'silent' || mood === 'deaf') return;
        world.after(Math.min(outMs, issueTimeoutMs / 2), () => {
          if (call.mood === 'failing' || call.mood === 'throttling') {
            const throttled = call.mood === 'throttling';
            const error = throttled
              ? new ValetKeyError('vendor_rate_limited', 'Throttled.', { vendor: 'nymbl', retryAfterSeconds: 3 })
              : new ValetKeyError('vendor_unavailable', 'Down.', { vendor: 'nymbl' });
            world.after(backMs, () => replica.deliver(() => end('failed', () => reject(error))));
            return;
          }
          const token = mint(key);
          call.token = token;
          call.saidMs = token.expiresAtMs - world.nowMs();
          const expiresInSeconds = call.saidMs / 1000;
          world.after(backMs, () =>
            replica.deliver(() =>
              end('token', () =>
                resolve({ kind: 'server', vendor: 'nymbl', secret: new Secret(token.text), expiresInSeconds }),
              ),
            ),
          );
        });
      });
  }

  return {
    issueFor,
    setMood: (next, durationMs) => {
      if (mood !== 'well') return;
      mood = next;
      world.after(durationMs, () => {
        mood = 'well';
      });
    },
    calls,
    minted: (text) => tokens.get(text),
  };
}
