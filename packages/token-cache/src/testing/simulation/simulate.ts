import { type ServerToken, type TokenKey, ValetKeyError } from '@valetkey/core-types';
import { createTokenCache, type TokenCache } from '../../cache/token-cache.ts';
import type { Sealer } from '../../stores/sealer.ts';
import { createStoreOverRecords } from '../../stores/store-over-records.ts';
import { type Adoption, checkCalls, type Disturbance } from './invariants.ts';
import { createReplica, type Replica } from './replica.ts';
import { createScenario, type Mistake, type Scenario, settings, storeTimeoutMs } from './scenario.ts';
import { createSharedRecords } from './shared-records.ts';
import { createSimulatedVendor, type VendorMood } from './vendor.ts';
import { createWorld } from './world.ts';

export interface SimulationOptions {
  readonly seed: number;
  readonly scenario?: Partial<Scenario> | undefined;
  readonly mistake?: Mistake | undefined;
  /** The number of the delivery at which the first replica crashes. */
  readonly crashAtDelivery?: number | undefined;
  /** Receives a line for each thing that happens. */
  readonly trace?: ((line: string) => void) | undefined;
}

export interface SimulationReport {
  readonly scenario: Scenario;
  readonly violations: readonly string[];
  readonly gets: number;
  readonly resolved: number;
  readonly failed: number;
  readonly calls: number;
  /** How many deliveries the first replica received until it crashed or the run ended. */
  readonly deliveries: number;
}

/**
 * A sealer that neither hashes nor seals: the sealer has its own tests, and thousands of runs are faster without it.
 */
const plainSealer: Sealer = {
  hash: (text) => text,
  seal: (plain, place) => `plain:${place}:${plain}`,
  open: (sealed, place) => (sealed.startsWith(`plain:${place}:`) ? sealed.slice(place.length + 7) : undefined),
};

/**
 * The longest time that a caller may wait: for the lease of another replica, several calls to the vendor, and the
 * store.
 */
const maxWaitMs = settings.leaseMs + 5 * settings.issueTimeoutMs + 10 * storeTimeoutMs;

const moods: readonly VendorMood[] = ['slow', 'failing', 'failing', 'throttling', 'silent', 'deaf', 'repeating'];

/**
 * Simulates a deployment: replicas, their store, their vendor and their callers. The seed decides which faults happen.
 */
export async function simulate(options: SimulationOptions): Promise<SimulationReport> {
  const { seed, mistake = {}, crashAtDelivery, trace } = options;
  const scenario: Scenario = { ...createScenario(seed), ...options.scenario };
  const world = createWorld(seed);
  const violations: string[] = [];
  const disturbances: Disturbance[] = [];
  const adoptions: Adoption[] = [];
  const counts = { gets: 0, resolved: 0, failed: 0, deliveries: 0 };
  const records = createSharedRecords(world, scenario.storeLatencyMs);
  const vendor = createSimulatedVendor({
    world,
    lifeSeconds: scenario.lifeSeconds,
    latencyMs: scenario.vendorLatencyMs,
    issueTimeoutMs: settings.issueTimeoutMs,
  });

  function note(text: string): void {
    trace?.(`${world.nowMs().toFixed(1).padStart(9)} ${text}`);
  }

  function violate(text: string): void {
    violations.push(`${world.nowMs().toFixed(1)}: ${text}`);
    note(`VIOLATION ${text}`);
  }

  function disturb(what: string, durationMs = 0): void {
    note(what);
    disturbances.push({ what, startMs: world.nowMs(), endMs: world.nowMs() + durationMs });
  }

  function startReplica(slot: number, life: number): void {
    const name = `replica-${slot}.${life}`;
    const open = new Map<object, number>();
    const replica = createReplica({
      name,
      world,
      crashAtDelivery: slot === 0 && life === 0 ? crashAtDelivery : undefined,
      onCrash: () => {
        disturb(`${name} crashes`);
        open.clear();
        for (const call of vendor.calls) {
          if (call.replica !== name || call.ending !== 'open') continue;
          call.ending = 'given-up';
          call.endMs = world.nowMs();
        }
        world.after(world.between(50, 3000), () => startReplica(slot, life + 1));
      },
    });
    const connection = records.connect(replica);
    const store = createStoreOverRecords(
      { records: mistake.records?.(connection) ?? connection, sealer: plainSealer, prefix: 'simulation' },
      storeTimeoutMs,
    );
    const cache = createTokenCache({
      ...settings,
      refreshMarginSeconds: scenario.refreshMarginSeconds,
      store: mistake.store?.(store) ?? store,
      clock: mistake.clock?.(replica.clock) ?? replica.clock,
      timers: mistake.timers?.(replica.timers) ?? replica.timers,
      random: world.random,
      onEvent: (event) => {
        const scope = 'key' in event ? event.key.scope : undefined;
        if (event.type === 'adopt') adoptions.push({ replica: name, key: String(scope), atMs: world.nowMs() });
        if (trace) note(`${name} ${JSON.stringify({ ...event, key: scope })}`);
      },
      ...mistake.options,
    });
    note(`${name} starts`);
    drive(replica, cache, open);
    if (slot === 0 && life === 0) ends.push(() => (counts.deliveries = replica.deliveries()));
    ends.push(() => {
      if (!replica.alive()) return;
      for (const startMs of open.values()) violate(`${name}: a caller has waited since ${startMs} without a result`);
      if (cache.stats().entries > settings.maxEntries) violate(`${name}: more entries than maxEntries`);
      void cache.close();
      world.after(maxWaitMs, () => {
        if (replica.pendingTimers() > 0) violate(`${name}: ${replica.pendingTimers()} timers remain after close`);
      });
    });
    if (scenario.crashes && world.chance(0.5)) world.after(world.between(100, scenario.trafficMs), replica.crash);
    if (scenario.freezes && world.chance(0.7)) {
      world.after(world.between(100, scenario.trafficMs), () => {
        const durationMs = world.between(200, 2000);
        if (replica.alive()) disturb(`${name} freezes for ${durationMs} ms`, durationMs);
        replica.freeze(durationMs);
      });
    }
    if (world.chance(0.5)) {
      world.after(world.between(100, scenario.trafficMs), () => {
        const stepMs = world.between(-3_600_000, 3_600_000);
        note(`${name} steps its wall clock by ${stepMs} ms`);
        replica.stepWallClock(stepMs);
      });
    }
  }

  /** Functions that run after the callers have stopped. Each of them checks and closes a replica. */
  const ends: (() => void)[] = [];

  function drive(replica: Replica, cache: TokenCache, open: Map<object, number>): void {
    const next = (): void => {
      if (!replica.alive() || world.nowMs() > scenario.trafficMs) return;
      const burst = world.chance(0.05) ? 10 : 1;
      for (let count = 0; count < burst; count += 1) replica.deliver(() => void call(replica, cache, open));
      world.after(-Math.log(1 - world.random()) * scenario.meanPauseMs, next);
    };
    world.after(world.between(0, 500), next);
  }

  async function call(replica: Replica, cache: TokenCache, open: Map<object, number>): Promise<void> {
    const scope = `scope-${Math.floor(world.random() * scenario.keys)}`;
    const key: TokenKey = { vendor: 'nymbl', scope, resource: mistake.splitKeys ? `${counts.gets}` : undefined };
    const needSeconds = world.chance(0.3) ? scenario.needSeconds : world.chance(0.2) ? 0 : undefined;
    const controller = world.chance(0.1) ? new AbortController() : undefined;
    if (controller) world.after(world.between(0, 300), () => replica.deliver(() => controller.abort()));
    const issueForKey = vendor.issueFor(replica, scope);
    const issue = ({ signal }: { signal: AbortSignal }): Promise<ServerToken> => {
      const own = mistake.shareAborts && controller ? AbortSignal.any([signal, controller.signal]) : signal;
      const issued = issueForKey({ signal: own });
      if (!mistake.lengthenLives) return issued;
      return issued.then((token) => ({ ...token, expiresInSeconds: (token.expiresInSeconds ?? 0) + 2 }));
    };
    const ticket = {};
    const startMs = world.nowMs();
    open.set(ticket, startMs);
    counts.gets += 1;
    try {
      const minRemainingSeconds = mistake.forgetNeeds ? undefined : needSeconds;
      const token = await cache.get(key, issue, { minRemainingSeconds, signal: controller?.signal });
      counts.resolved += 1;
      checkToken(token, scope, needSeconds ?? 0);
      if (scenario.invalidations && world.chance(0.02)) {
        const minted = vendor.minted(token.secret.reveal());
        if (minted) minted.refused = true;
        note(`the vendor refuses ${minted?.text} of ${replica.name}`);
        await cache.invalidate(key, token);
      }
    } catch (error) {
      if (controller?.signal.aborted !== true) checkFailure(error, replica);
    } finally {
      open.delete(ticket);
      if (world.nowMs() - startMs > maxWaitMs)
        violate(`${replica.name}: a caller waited ${world.nowMs() - startMs} ms`);
    }
  }

  function checkToken(token: ServerToken, scope: string, needSeconds: number): void {
    const minted = vendor.minted(token.secret.reveal());
    const leftMs = (minted?.expiresAtMs ?? 0) - world.nowMs();
    if (minted?.key !== scope) violate(`${minted?.text} was returned for ${scope}`);
    if (leftMs <= 0) violate(`${minted?.text} was returned ${-leftMs} ms after its expiry`);
    if (leftMs < needSeconds * 1000) violate(`${minted?.text} had ${leftMs} ms left, not ${needSeconds} s`);
    if ((token.expiresInSeconds ?? Infinity) * 1000 > leftMs) violate(`${minted?.text} claimed too long a life`);
  }

  function checkFailure(error: unknown, replica: Replica): void {
    counts.failed += 1;
    if (!ValetKeyError.isInstance(error)) return violate(`${replica.name}: a foreign error`);
    const excused =
      scenario.vendorTroubles ||
      disturbances.some(({ what, endMs }) => what.includes('freezes') && endMs + 10_000 > world.nowMs());
    if (!excused)
      violate(`${replica.name}: a caller received ${error.code} (${error.reason}) while the vendor was well`);
  }

  for (let slot = 0; slot < scenario.replicas; slot += 1) startReplica(slot, 0);
  if (scenario.vendorTroubles) {
    for (let count = 0; count < 3; count += 1) {
      world.after(world.between(0, scenario.trafficMs), () => {
        const mood = moods[Math.floor(world.random() * moods.length)] ?? 'slow';
        note(`the vendor is ${mood}`);
        vendor.setMood(mood, world.between(500, 12_000));
      });
    }
  }
  if (scenario.storeTroubles) {
    for (let count = 0; count < 2; count += 1) {
      world.after(world.between(0, scenario.trafficMs), () => {
        const kind =
          (['refused', 'silent', 'stalled', 'read-only'] as const)[Math.floor(4 * world.random())] ?? 'silent';
        const durationMs = world.between(100, 6000);
        disturb(`the store is ${kind} for ${durationMs} ms`, durationMs);
        records.trouble(kind, durationMs);
      });
    }
    for (const [what, happen] of [
      ['the store is flushed', records.flush],
      ['the store is spoilt', records.spoil],
    ] as const) {
      if (!world.chance(0.4)) continue;
      world.after(world.between(0, scenario.trafficMs), () => {
        disturb(what);
        happen();
      });
    }
  }

  await world.runUntil(scenario.trafficMs + 2 * maxWaitMs);
  for (const end of ends) end();
  await world.runUntil(world.nowMs() + 3 * maxWaitMs);
  for (const violation of checkCalls({ calls: vendor.calls, disturbances, adoptions }, scenario)) violate(violation);
  return { scenario, violations, ...counts, calls: vendor.calls.length };
}
