import { endedText } from '../../session/session-record.ts';
import { createSession } from '../../session/session.ts';
import type { Session } from '../../session/session-types.ts';
import { ValetError } from '../../errors/valet-error.ts';
import { createObserver } from './observer.ts';
import { createRotatingVendor } from './rotating-vendor.ts';
import type { Action, Script } from './script.ts';
import { createSharedStorage } from './shared-storage.ts';
import { createDevice, createTab, type Tab } from './tab.ts';
import { createWorld } from './world.ts';

/** Milliseconds that a call may take. It is the default of `createSession`. */
const timeoutMs = 10_000;
/** Milliseconds that an app waits after a step, until nothing that the step began goes on. */
const settledMs = 60_000;

interface OpenTab {
  readonly tab: Tab;
  readonly session: Session<string>;
  readonly open: Set<string>;
  abort: AbortController;
}

export interface SimulationReport {
  readonly violations: readonly string[];
  readonly delivered: number;
  readonly takeOvers: number;
}

/** Runs a script and returns what it violates. */
export async function simulate(script: Script, trace?: (line: string) => void): Promise<SimulationReport> {
  const world = createWorld(script.seed, trace);
  const device = createDevice(world, script.monotonicStandsStill);
  const vendor = createRotatingVendor(world, script);
  const observer = createObserver(world, vendor.grantOf);
  const storage = createSharedStorage(world, observer);
  const tabs: OpenTab[] = [];
  let opened = 0;
  let calls = 0;
  let delivered = 0;
  let hasThrown = false;

  function offsetMs(): number | undefined {
    if (script.offset === 'throwing') throw new Error('a canary of the app');
    if (script.offset === 'changing') return [undefined, 600_000, Number.NaN, 599_000][calls % 4];
    return script.offset === 'known' ? -600_000 : undefined;
  }
  function openTab(): OpenTab {
    opened += 1;
    const tab = createTab(`tab-${opened}`, world, device);
    const session = createSession(vendor.connect(tab), {
      storage: storage.connect(tab),
      clock: tab.clock,
      serverTimeOffsetMs: offsetMs,
    });
    let before = session.state;
    session.onStateChange((state) => {
      world.note(`${tab.name} is ${state.status} (${state.reason}) ${state.details['user'] ?? ''}`);
      observer.stateShown(tab, before, state);
      if (session.state !== state) observer.violate(`${tab.name} showed a state that is not its state`);
      before = state;
    });
    session.onStateChange(() => {
      throw new Error('a canary of the app');
    });
    return { tab, session, open: new Set(), abort: new AbortController() };
  }

  /** Follows a call of the app until it settles. */
  async function follow<Result>(
    { tab, session, open }: OpenTab,
    what: string,
    call: Promise<Result>,
    onResult: (result: Result, startMs: number) => void = () => undefined,
  ): Promise<void> {
    calls += 1;
    const name = `${what} ${calls} of ${tab.name}`;
    const startMs = world.nowMs();
    open.add(name);
    let outcome = 'ok';
    try {
      onResult(await call, startMs);
    } catch (error) {
      outcome = ValetError.isInstance(error) ? error.code : 'a foreign error';
      if (!ValetError.isInstance(error) || /canary/.test(error.message)) observer.violate(`${name} gave ${error}`);
      if (outcome === 'internal' && !hasThrown) observer.violate(`${name} gave ${String((error as Error).cause)}`);
      if (outcome === 'signed_out' && observer.sessionCount() === 1 && session.state.status === 'signed_in') {
        observer.violateUnless(observer.mayHaveEnded, `${name} says signed_out although the session goes on`);
      }
    }
    open.delete(name);
    world.note(`${name}: ${outcome}`);
    const tookMs = world.nowMs() - startMs;
    if (tab.suspendedUntilMs() <= startMs && tookMs > timeoutMs + 1) {
      observer.violate(`${name} took ${tookMs.toFixed(0)} ms`);
    }
  }

  async function getToken(opened: OpenTab, refused?: string): Promise<void> {
    const { session, abort, tab } = opened;
    const call = session.accessToken({ signal: abort.signal, refused });
    await follow(opened, 'accessToken', call, (token, startMs) => {
      delivered += 1;
      world.note(`${tab.name} delivers ${token}`);
      observer.delivered(tab, token, startMs);
      if (token === refused) observer.violate(`${tab.name} delivered the refused token`);
    });
  }
  /** Gets a token, uses it at the vendor, and reports it if the vendor refuses it. */
  async function useToken(opened: OpenTab): Promise<void> {
    const token = await opened.session.accessToken().catch(() => undefined);
    if (token !== undefined && (!vendor.isAccepted(token) || world.chance(0.3))) await getToken(opened, token);
  }
  function signOut(opened: OpenTab): void {
    const began = observer.signOutBegan(opened.tab);
    void follow(opened, 'signOut', opened.session.signOut(), began.resolved);
    if (opened.session.state.status !== 'signed_out') observer.violate(`${opened.tab.name} is not signed out at once`);
  }
  function restart(index: number, close: boolean): void {
    const former = tabs[index] as OpenTab;
    if (close) former.session.close();
    else former.tab.kill();
    if (close) world.after(30_000, former.tab.kill);
    tabs[index] = openTab();
  }

  function act(index: number, action: Action): void {
    const opened = tabs[index] as OpenTab;
    const { tab, session } = opened;
    world.note(`${tab.name}: ${JSON.stringify(action)}`);
    switch (action.do) {
      case 'token':
        return void getToken(opened);
      case 'use token':
        return void useToken(opened);
      case 'load':
        return void follow(opened, 'load', session.load());
      case 'sign in': {
        const { signal } = opened.abort;
        return void follow(opened, 'signIn', session.signIn(`ticket-of-${action.user}`, { signal }));
      }
      case 'sign out':
        return signOut(opened);
      case 'abort':
        opened.abort.abort();
        opened.abort = new AbortController();
        return;
      case 'kill':
        return restart(index, false);
      case 'reopen':
        return restart(index, true);
      case 'suspend':
        return tab.suspend(action.ms);
      case 'sleep':
        device.sleep(action.ms);
        for (const each of tabs) each.tab.suspend(action.ms);
        return;
      case 'step clock':
        return device.stepClock(action.ms);
      case 'storage':
        return storage.trouble(tab, action.trouble, action.accesses);
      case 'vendor':
        hasThrown ||= action.trouble === 'throws';
        return vendor.trouble(action.trouble);
      case 'lose notices':
        return storage.loseNotices(action.areLost);
      case 'end sessions':
        return vendor.endSessions();
      case 'require user':
        return vendor.requireUser();
    }
  }

  /** Checks that all tabs agree with the storage when the troubles are over, and that they leave nothing behind. */
  async function checkEnd(): Promise<void> {
    storage.endTroubles();
    vendor.endTroubles();
    await world.runUntil(Math.max(world.nowMs(), ...tabs.map(({ tab }) => tab.suspendedUntilMs())) + settledMs);
    for (const round of [1, 2]) {
      for (const opened of tabs) void follow(opened, `load in round ${round}`, opened.session.load());
      await world.runUntil(world.nowMs() + settledMs);
    }
    const user = observer.workingUser(storage.current());
    for (const opened of tabs) {
      const { session, tab, open } = opened;
      const text = storage.current()?.text ?? endedText;
      const stored = text === endedText ? undefined : JSON.parse(text);
      const status = stored === undefined ? 'signed_out' : stored.isPending ? 'reauthentication_required' : 'signed_in';
      const details = JSON.stringify(stored?.details ?? {});
      if (session.state.status !== status || JSON.stringify(session.state.details) !== details) {
        observer.violate(`${tab.name} is ${session.state.status}, and the storage ${status} ${details}`);
      }
      if (open.size > 0) observer.violate(`${tab.name} never settled ${[...open].join(', ')}`);
    }
    for (const { session, tab } of tabs) {
      let outcome = 'nothing';
      const works = (token: string) => vendor.isAccepted(token) && vendor.grantOf(token)?.user === user;
      const get = async () => {
        const token = await session.accessToken();
        if (works(token)) return 'a token that works';
        // An app reports a token that the vendor refuses.
        return works(await session.accessToken({ refused: token })) ? 'a token that works' : 'a refused token';
      };
      get().then(
        (result) => (outcome = result),
        (error: unknown) => (outcome = String(error)),
      );
      await world.runUntil(world.nowMs() + 2 * timeoutMs);
      if (user === undefined || outcome === 'a token that works') continue;
      observer.violate(`${tab.name} has ${outcome}, although the session of ${user} should work`);
    }
    for (const { session } of tabs) session.close();
    await world.runUntil(world.nowMs() + settledMs);
    for (const { tab } of tabs) {
      if (tab.pendingTimers() > 0) observer.violate(`${tab.name} left ${tab.pendingTimers()} timers behind`);
    }
    if (storage.listenerCount() > 0) observer.violate('a closed session still listens to the storage');
    for (const token of vendor.reused()) observer.violate(`${token} was sent twice`);
  }

  for (let index = 0; index < script.tabs; index += 1) tabs.push(openTab());
  for (const { afterMs, tab, action } of script.steps) {
    await world.runUntil(world.nowMs() + afterMs);
    act(tab % script.tabs, action);
  }
  await checkEnd();
  return { violations: observer.violations(), delivered, takeOvers: storage.takeOvers() };
}
