import type { SessionCall, SessionTokens, SessionVendor } from '../../session/session-types.ts';
import { ValetError } from '../../errors/valet-error.ts';
import type { Tab } from './tab.ts';
import type { World } from './world.ts';

/** What the vendor does with a refresh token that it receives again. */
export const rotations = ['strict', 'revoking', 'grace'] as const;
export type Rotation = (typeof rotations)[number];

/** Troubles before the vendor handles a request. */
export const harmlessTroubles = ['unreachable', 'server-error', 'throttled', 'throws', 'silent', 'slow'] as const;
/** Troubles after the vendor handled a request: the response is lost, or comes when nothing waits for it. */
export const losses = ['lost', 'unanswered', 'nonsense', 'delayed'] as const;
export type VendorTrouble = (typeof harmlessTroubles)[number] | (typeof losses)[number];

/** A session at the vendor. */
export interface Grant {
  readonly name: string;
  readonly user: string;
  refreshToken: string;
  isEnded: boolean;
  /** Whether the vendor ended the session, or asked for the user, without being asked to. */
  isEndedByVendor: boolean;
  isReauthenticationDue: boolean;
  /** Whether a response was lost, or its tokens could not be stored: then the session may be lost too. */
  isExcused: boolean;
}

export interface VendorOptions {
  readonly rotation: Rotation;
  readonly expiresInSeconds: number | undefined;
  /** Whether an aborted request rejects at once, as with `fetch`. */
  readonly honoursAbort: boolean;
}

/** Milliseconds within which the response to a request must arrive. */
const limitMs = 8000;
const graceMs = 30_000;

export interface RotatingVendor {
  readonly connect: (tab: Tab) => SessionVendor<string>;
  readonly grantOf: (accessToken: string) => Grant | undefined;
  /** The refresh tokens that the vendor handled more than once, without an excuse. */
  readonly reused: () => readonly string[];
  readonly isAccepted: (accessToken: string) => boolean;
  /** The next requests meet these troubles. */
  readonly trouble: (...kinds: readonly VendorTrouble[]) => void;
  readonly endTroubles: () => void;
  readonly endSessions: () => void;
  readonly requireUser: () => void;
}

export function createRotatingVendor(world: World, options: VendorOptions): RotatingVendor {
  const grants: Grant[] = [];
  const accessTokens = new Map<string, { readonly grant: Grant; readonly expiresAtMs: number }>();
  const used = new Map<string, { readonly grant: Grant; readonly firstMs: number; count: number }>();
  let troubles: VendorTrouble[] = [];
  let count = 0;
  const signedOut = () => new ValetError('signed_out', 'The vendor has ended the session.');

  function issue(grant: Grant): SessionTokens {
    count += 1;
    const { expiresInSeconds } = options;
    const accessToken = `access-${count}`;
    grant.refreshToken = `refresh-${count}`;
    accessTokens.set(accessToken, { grant, expiresAtMs: world.nowMs() + (expiresInSeconds ?? 100) * 1000 });
    return { accessToken, refreshToken: grant.refreshToken, expiresInSeconds, details: { user: grant.user } };
  }
  function exchange(ticket: string, { details }: SessionCall): { grant: Grant; tokens: SessionTokens } {
    const user = ticket.replace('ticket-of-', '');
    if (details !== undefined && details['user'] !== user) {
      throw new ValetError('vendor_rejected', 'Another user must not continue the session.');
    }
    const state = { refreshToken: '', isEnded: false, isEndedByVendor: false, isReauthenticationDue: false };
    const grant: Grant = { name: `grant-${grants.length + 1}`, user, ...state, isExcused: false };
    grants.push(grant);
    return { grant, tokens: issue(grant) };
  }
  function refresh(refreshToken: string, signal: AbortSignal): { grant: Grant; tokens: SessionTokens } {
    const use = used.get(refreshToken);
    const grant = use?.grant ?? grants.find((known) => known.refreshToken === refreshToken);
    if (grant === undefined || grant.isEnded) throw signedOut();
    // The tab has given up, and another may have sent the token in the meantime.
    if (signal.aborted) grant.isExcused = true;
    if (grant.isReauthenticationDue) throw new ValetError('reauthentication_required', 'The user must sign in again.');
    if (use === undefined) {
      used.set(refreshToken, { grant, firstMs: world.nowMs(), count: 1 });
      return { grant, tokens: issue(grant) };
    }
    use.count += 1;
    if (options.rotation === 'strict') throw signedOut();
    if (options.rotation === 'grace' && world.nowMs() - use.firstMs < graceMs) return { grant, tokens: issue(grant) };
    grant.isEnded = true;
    throw signedOut();
  }

  /** Sends a request of a tab. `handle` runs at the vendor. */
  function send(
    tab: Tab,
    what: string,
    signal: AbortSignal,
    handle: () => { grant: Grant; tokens: SessionTokens },
  ): Promise<SessionTokens> {
    const trouble = troubles.shift();
    const sentMs = world.nowMs();
    world.note(`${tab.name} sends ${what}${trouble === undefined ? '' : ` (${trouble})`}`);
    if (trouble === 'throws') throw 'a canary of the vendor';
    return new Promise((resolve, reject) => {
      const respond = (run: () => void, delayMs = world.between(5, 300)) =>
        world.after(delayMs, () => tab.deliver(() => run()));
      const fail = (error: unknown) => void respond(() => reject(error));
      if (options.honoursAbort) signal.addEventListener('abort', () => reject(new Error('aborted')));
      world.after(trouble === 'slow' ? world.between(2000, 7000) : world.between(5, 300), () => {
        if (trouble === 'silent') return;
        if (trouble === 'unreachable') return fail(new ValetError('network_unavailable', 'The vendor is unreachable.'));
        if (trouble === 'server-error') return fail(new ValetError('vendor_unavailable', '503', { retryable: true }));
        if (trouble === 'throttled')
          return fail(new ValetError('vendor_rate_limited', '429', { retryable: true, retryAfterSeconds: 5 }));
        let outcome;
        try {
          outcome = handle();
        } catch (error) {
          return fail(error);
        }
        const { grant, tokens } = outcome;
        const isLost = trouble === 'lost' || trouble === 'unanswered' || trouble === 'nonsense';
        let hasArrived = false;
        const checkArrival = () => {
          if (!hasArrived) grant.isExcused = true;
        };
        if (isLost) grant.isExcused = true;
        world.after(limitMs - (world.nowMs() - sentMs), checkArrival);
        if (trouble === 'unanswered') return;
        if (trouble === 'lost') return fail(new ValetError('network_unavailable', 'The connection broke.'));
        if (trouble === 'nonsense') return void respond(() => resolve('nonsense' as never));
        respond(
          () => {
            hasArrived = !signal.aborted;
            checkArrival();
            resolve(tokens);
          },
          trouble === 'delayed' ? world.between(2000, 20_000) : undefined,
        );
      });
    });
  }

  return {
    connect: (tab) => ({
      name: 'acme',
      exchange: (ticket, call) => send(tab, `exchange ${ticket}`, call.signal, () => exchange(ticket, call)),
      refresh: ({ refreshToken }, { signal }) => send(tab, refreshToken, signal, () => refresh(refreshToken, signal)),
      revoke: async ({ accessToken }) => {
        world.note(`${tab.name} revokes ${accessToken}`);
        world.after(world.between(5, 300), () => {
          const grant = accessTokens.get(accessToken)?.grant;
          if (grant !== undefined) grant.isEnded = true;
        });
      },
    }),
    grantOf: (accessToken) => accessTokens.get(accessToken)?.grant,
    reused: () => [...used].filter(([, use]) => use.count > 1 && !use.grant.isExcused).map(([token]) => token),
    isAccepted: (accessToken) => {
      const { grant, expiresAtMs = 0 } = accessTokens.get(accessToken) ?? {};
      return grant?.isEnded === false && world.nowMs() < expiresAtMs;
    },
    trouble: (...kinds) => void troubles.push(...kinds),
    endTroubles: () => {
      troubles = [];
    },
    endSessions: () => {
      for (const grant of grants) Object.assign(grant, { isEnded: true, isEndedByVendor: true });
    },
    requireUser: () => {
      for (const grant of grants) Object.assign(grant, { isReauthenticationDue: true });
    },
  };
}
