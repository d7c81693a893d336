import { endedText } from '../../session/session-record.ts';
import type { SessionState } from '../../session/session-types.ts';
import type { StoredText } from '../../storage/device-storage.ts';
import type { Grant } from './rotating-vendor.ts';
import type { Tab } from './tab.ts';
import type { World } from './world.ts';

/** A session, as its records in the storage show it. */
interface ObservedSession {
  readonly id: string;
  readonly senders: Set<Tab>;
  readonly grants: Set<Grant>;
  hasLanded: boolean;
  isSignedOut: boolean;
  /** When a sign-out of the session resolved, and in which tab. */
  ended: { readonly atMs: number; readonly tab: Tab } | undefined;
}

/** Milliseconds after which a tab has read what another tab wrote, although the notice was lost. */
const recheckMs = 16_000;

export interface Observer {
  readonly violate: (text: string) => void;
  /** Reports a violation at the end of the run, unless it is excused until then. */
  readonly violateUnless: (isExcused: () => boolean, text: string) => void;
  readonly violations: () => readonly string[];
  readonly sent: (tab: Tab, text: string, isTroubled: boolean) => void;
  readonly changed: (before: StoredText | null, after: StoredText | null) => void;
  readonly delivered: (tab: Tab, accessToken: string, startMs: number) => void;
  readonly signOutBegan: (tab: Tab) => { readonly resolved: () => void };
  readonly stateShown: (tab: Tab, before: SessionState, state: SessionState) => void;
  /** Returns whether the storage holds a session that must still work, and whose. */
  readonly workingUser: (stored: StoredText | null) => string | undefined;
  readonly mayHaveEnded: () => boolean;
  readonly sessionCount: () => number;
}

interface Stored {
  readonly id: string;
  readonly accessToken: string;
  readonly isPending?: boolean | undefined;
}

function parse(stored: StoredText | null): Stored | undefined {
  return stored === null || stored.text === endedText ? undefined : (JSON.parse(stored.text) as Stored);
}

export function createObserver(world: World, grantOf: (accessToken: string) => Grant | undefined): Observer {
  const sessions = new Map<string, ObservedSession>();
  const lastSignOutMs = new Map<Tab, number>();
  const unfinishedSignOuts = new Map<Tab, number>();
  const candidates: { readonly isExcused: () => boolean; readonly text: string }[] = [];
  let current: StoredText | null = null;

  function violateUnless(isExcused: () => boolean, text: string): void {
    world.note(`VIOLATION? ${text}`);
    candidates.push({ isExcused, text: `${world.nowMs().toFixed(0)}: ${text}` });
  }
  function violate(text: string): void {
    violateUnless(() => false, text);
  }
  /** Returns whether a session may have ended: by a sign-out, by the vendor, or because of a lost response. */
  function mayEnd({ isSignedOut, grants }: ObservedSession): boolean {
    return isSignedOut || [...grants].some((grant) => grant.isEndedByVendor || grant.isExcused);
  }
  function sessionOf({ id, accessToken }: Stored): ObservedSession {
    const known = sessions.get(id);
    const grant = grantOf(accessToken);
    const created = { id, senders: new Set<Tab>(), grants: new Set<Grant>(), hasLanded: false, isSignedOut: false };
    const session: ObservedSession = known ?? { ...created, ended: undefined };
    sessions.set(id, session);
    if (grant !== undefined) session.grants.add(grant);
    return session;
  }
  function checkEnded(): void {
    const stored = parse(current);
    if (stored !== undefined && sessions.get(stored.id)?.ended !== undefined) {
      violate('the storage holds a session after its sign-out resolved');
    }
  }

  return {
    violate,
    violateUnless,
    violations: () => candidates.filter(({ isExcused }) => !isExcused()).map(({ text }) => text),
    sent: (tab, text, isTroubled) => {
      if (text === endedText) return;
      const stored = JSON.parse(text) as Stored;
      const session = sessionOf(stored);
      session.senders.add(tab);
      const grant = grantOf(stored.accessToken);
      if (isTroubled && grant !== undefined) grant.isExcused = true;
    },
    changed: (before, after) => {
      current = after;
      const [was, is] = [parse(before), parse(after)];
      if (is !== undefined) sessionOf(is).hasLanded = true;
      checkEnded();
      if (was === undefined || was.id === is?.id) return;
      const lost = sessionOf(was);
      // A sign-out that did not resolve may erase later what it could not erase at once.
      const isUnfinished = unfinishedSignOuts.size > 0;
      violateUnless(() => mayEnd(lost) || isUnfinished, 'the storage lost a session that nothing ended');
    },
    delivered: (tab, accessToken, startMs) => {
      if ((lastSignOutMs.get(tab) ?? -Infinity) > startMs) {
        violate(`${tab.name} delivered a token to a call that began before a sign-out`);
      }
      const grant = grantOf(accessToken);
      if (grant === undefined) return violate(`${tab.name} delivered something that is no token`);
      for (const { ended, grants } of sessions.values()) {
        if (ended === undefined || !grants.has(grant)) continue;
        const knowsSinceMs = Math.max(ended.atMs, tab.suspendedUntilMs(), tab.lastTroubleMs());
        const isKnown = ended.tab === tab || world.nowMs() - knowsSinceMs > recheckMs;
        if (isKnown) violate(`${tab.name} delivered ${accessToken} after the sign-out of its session`);
      }
    },
    signOutBegan: (tab) => {
      lastSignOutMs.set(tab, world.nowMs());
      unfinishedSignOuts.set(tab, world.nowMs());
      const ending = [...sessions.values()].filter(({ hasLanded, senders }) => hasLanded || senders.has(tab));
      for (const session of sessions.values()) session.isSignedOut = true;
      return {
        resolved: () => {
          unfinishedSignOuts.delete(tab);
          for (const session of ending) session.ended ??= { atMs: world.nowMs(), tab };
          checkEnded();
        },
      };
    },
    stateShown: (tab, before, state) => {
      // The same user may have signed out and in again.
      if (sessions.size < 2 && JSON.stringify(before) === JSON.stringify(state))
        violate(`${tab.name} showed a state twice`);
      const stored = parse(current);
      if (state.reason !== 'refused' || state.status !== 'signed_out' || stored === undefined) return;
      violateUnless(() => mayEnd(sessionOf(stored)), `${tab.name} says that the vendor ended a session`);
    },
    workingUser: (text) => {
      const stored = parse(text);
      if (stored === undefined || stored.isPending) return undefined;
      const grant = grantOf(stored.accessToken);
      if (grant === undefined || grant.isReauthenticationDue || mayEnd(sessionOf(stored))) return undefined;
      return grant.user;
    },
    mayHaveEnded: () => [...sessions.values()].some(mayEnd),
    sessionCount: () => sessions.size,
  };
}
