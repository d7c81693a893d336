import { type Scenario, settings, storeTimeoutMs } from './scenario.ts';
import type { VendorCall } from './vendor.ts';

/** A time in which a fault may keep replicas from learning of each other's calls. */
export interface Disturbance {
  readonly what: string;
  readonly startMs: number;
  readonly endMs: number;
}

/** Milliseconds after a disturbance in which a replica may still act on outdated knowledge. */
const recoveryMs = settings.storeRetryMs + settings.leaseMs + 4 * storeTimeoutMs;

const slackMs = 1;

function isFailure(call: VendorCall): boolean {
  if (call.ending === 'failed') return true;
  return call.ending === 'given-up' && call.endMs - call.startMs >= settings.issueTimeoutMs - 1;
}

function backoffMs(failures: number): number {
  return Math.min(settings.cooldownSeconds * 2 ** (failures - 1), settings.maxCooldownSeconds) * 1000;
}

function overlaps(one: VendorCall, other: VendorCall): boolean {
  return one.startMs < other.endMs && other.startMs < one.endMs;
}

/** Returns the earliest moment at which a replica that knows of this call may call the vendor again. */
function earliestNextMs(call: VendorCall, failures: number, disturbed: boolean, scenario: Scenario): number {
  if (isFailure(call)) {
    const retryAfterMs = call.mood === 'throttling' && call.ending === 'failed' ? 3000 : 0;
    return call.endMs + Math.max(backoffMs(failures), retryAfterMs);
  }
  if (call.token === undefined) return call.endMs;
  const isRepeat = call.token.mintedAtMs < call.startMs;
  // After a disturbance, a replica may have lost the token. It then cannot notice that the vendor repeats it.
  if (isRepeat && disturbed) return call.endMs;
  if (isRepeat) return Math.min(call.endMs + settings.cooldownSeconds * 1000, call.token.expiresAtMs - 1000);
  const marginMs = Math.min(scenario.refreshMarginSeconds * 1000, call.saidMs / 2) * 1.1;
  const needMs = Math.max(scenario.needSeconds * 1000, Math.min(10_000, call.saidMs / 10));
  return call.startMs + call.saidMs - Math.max(marginMs, needMs);
}

/** A sequence of calls to the vendor, and the knowledge of the replicas that made them. */
interface Rule {
  readonly calls: readonly VendorCall[];
  readonly name: string;
  /** Returns whether the replica of the later call must have known of the earlier call. */
  readonly informed: (earlier: VendorCall, later: VendorCall) => boolean;
  /** When replicas received a token. That resets the count of failures and brings a token with its own expiry. */
  readonly successesMs: readonly number[];
  /** Whether the run had any disturbance. */
  readonly disturbed: boolean;
}

function checkSequence({ calls, name, informed, successesMs, disturbed }: Rule, scenario: Scenario): string[] {
  const violations: string[] = [];
  let failures = 0;
  for (const [index, call] of calls.entries()) {
    const earlier = calls[index - 1];
    if (earlier !== undefined) {
      const knows = informed(earlier, call);
      const learnt = successesMs.some((atMs) => atMs >= earlier.endMs && atMs <= call.startMs);
      if (!knows) failures = 0;
      const refused = earlier.token?.refused === true;
      const earliestMs = earliestNextMs(earlier, failures, disturbed, scenario);
      if (knows && overlaps(earlier, call)) {
        violations.push(`${name}: two calls at once, at ${earlier.startMs} and ${call.startMs}`);
      } else if (knows && !refused && !learnt && call.startMs < earliestMs - slackMs) {
        violations.push(
          `${name}: a call at ${call.startMs}, before ${earliestMs}, after the call at ${earlier.startMs}`,
        );
      }
    }
    const sinceMs = earlier?.endMs ?? 0;
    if (successesMs.some((endMs) => endMs >= sinceMs && endMs <= call.endMs)) failures = 0;
    failures = isFailure(call) ? failures + 1 : 0;
  }
  return violations;
}

/** A replica adopted a token that another replica issued. */
export interface Adoption {
  readonly replica: string;
  readonly key: string;
  readonly atMs: number;
}

interface Observations {
  readonly calls: readonly VendorCall[];
  readonly disturbances: readonly Disturbance[];
  readonly adoptions: readonly Adoption[];
}

/** Returns a violation for each call to the token endpoint that came too early or at the same time as another call. */
export function checkCalls({ calls, disturbances, adoptions }: Observations, scenario: Scenario): string[] {
  const violations: string[] = [];
  const disturbed = disturbances.length > 0 || scenario.invalidations;
  const check = (rule: Omit<Rule, 'disturbed'>): void =>
    void violations.push(...checkSequence({ ...rule, disturbed }, scenario));
  for (const [key, ofKey] of Map.groupBy(calls, ({ key }) => key)) {
    const calm = (earlier: VendorCall, later: VendorCall): boolean =>
      disturbances.every(({ startMs, endMs }) => endMs + recoveryMs < earlier.startMs || startMs > later.startMs);
    const successesMs = ofKey.filter(({ token }) => token !== undefined).map(({ endMs }) => endMs);
    check({ calls: ofKey, name: `deployment, ${key}`, informed: calm, successesMs });
    for (const [replica, own] of Map.groupBy(ofKey, (call) => call.replica)) {
      // A process remembers its own calls even if the store fails. Only after a lost lease may it call again at once.
      const remembers = (earlier: VendorCall): boolean => earlier.ending !== 'given-up' || isFailure(earlier);
      const learnt = adoptions.filter((adoption) => adoption.replica === replica && adoption.key === key);
      const learntMs = learnt.map(({ atMs }) => atMs);
      check({ calls: own, name: `${replica}, ${key}`, informed: remembers, successesMs: learntMs });
    }
  }
  return violations;
}
