import { z } from 'zod';
import { parseStrictly } from './parse.ts';
import { sandboxVendors, type SandboxVendor } from './simulation.ts';

/** `before`: the vendor does nothing. `after`: it does its work, and only the answer suffers. */
const when = z.enum(['before', 'after']).default('before');

/** What a header holds for sure (RFC 9110 section 5.5). Anything else would fail when it strikes, where nobody sees why. */
const headerText = /^[\t -~]*$/;

const retryAfterSchema = z.discriminatedUnion('form', [
  z.strictObject({ form: z.literal('seconds'), seconds: z.number().int().min(0) }),
  // A date of HTTP has a year of four digits.
  z.strictObject({ form: z.literal('date'), seconds: z.number().min(-1_000_000_000).max(100_000_000_000) }),
  z.strictObject({ form: z.literal('garbage'), text: z.string().regex(headerText).default('soon') }),
  z.strictObject({ form: z.literal('absent') }),
]);

const faultSchema = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('latency'), delayMs: z.number().int().min(0).max(600_000) }),
  z.strictObject({ type: z.literal('hang'), when }),
  z.strictObject({
    type: z.literal('drip'),
    intervalMs: z.number().int().min(1).default(100),
    chunkBytes: z.number().int().min(1).default(1),
  }),
  z.strictObject({ type: z.literal('reset'), when: z.enum(['before', 'after', 'mid-body']).default('before') }),
  z.strictObject({
    type: z.literal('status'),
    status: z.number().int().min(200).max(599),
    body: z.json().optional(),
    retryAfter: retryAfterSchema.optional(),
    when,
  }),
  z.strictObject({
    type: z.literal('rate-limit'),
    retryAfter: retryAfterSchema.default({ form: 'seconds', seconds: 1 }),
  }),
  z.strictObject({ type: z.literal('malformed') }),
  z.strictObject({ type: z.literal('truncated') }),
  z.strictObject({
    type: z.literal('huge'),
    bytes: z.number().int().min(1).max(1_073_741_824).default(67_108_864),
    gzip: z.boolean().default(false),
  }),
  z.strictObject({
    type: z.literal('wrong-content-type'),
    contentType: z.string().min(1).regex(headerText).default('text/html'),
  }),
  z.strictObject({ type: z.literal('empty') }),
  z.strictObject({ type: z.literal('wrong-user') }),
  z.strictObject({ type: z.literal('extra-response') }),
  z.strictObject({
    type: z.literal('redirect'),
    location: z.url().regex(headerText),
    status: z.union([301, 302, 303, 307, 308].map((status) => z.literal(status))).default(307),
  }),
  z.strictObject({ type: z.literal('expired-token') }),
  z.strictObject({ type: z.literal('unpublished-key') }),
]);

const faultRuleSchema = z.strictObject({
  vendor: z.enum(sandboxVendors),
  route: z.string().optional(),
  fault: faultSchema,
  count: z.number().int().min(1).optional(),
  probability: z.number().min(0).max(1).optional(),
});

/** The body of `PUT /_faults`. */
export const faultListSchema = z.strictObject({ faults: z.array(faultRuleSchema).max(1000) });

/**
 * What goes wrong, by `type`:
 *
 * - `latency`: the answer comes `delayMs` later. Adds to whatever other fault hits the same call.
 * - `hang`: no answer, ever.
 * - `drip`: `chunkBytes` (1) of the body every `intervalMs` (100).
 * - `reset`: the connection is reset; `when: 'mid-body'` does so halfway through the answer. A vendor that is down.
 * - `status`: any status, with the body that the vendor sends with it at that route, or yours, and with `retryAfter` if
 *   you like, as `rate-limit` has it: a 503 that says when to come back.
 * - `rate-limit`: 429 with `Retry-After` as `seconds`, as a `date` so many seconds ahead, as `garbage`, or `absent`.
 * - `malformed`: a whole answer whose body is broken JSON.
 * - `truncated`: half the body, then the connection closes.
 * - `huge`: `bytes` of valid JSON (64 MiB); with `gzip`, few on the wire.
 * - `wrong-content-type`: the right body, called `text/html` or what you say.
 * - `empty`: the right status without a body.
 * - `wrong-user`: the answer is about somebody else.
 * - `extra-response`: the right answer, and behind it on the wire one that nobody asked for, about somebody else.
 * - `redirect`: to `location`.
 * - `expired-token`: the tokens of the answer are past their end.
 * - `unpublished-key`: the tokens of the answer are signed by a key that the issuer does not publish.
 */
export type Fault = z.input<typeof faultSchema>;

/** A fault as it is carried out, defaults filled in. */
export type ActiveFault = z.output<typeof faultSchema>;

/** Where and how often a fault strikes. The first rule that strikes decides. */
export interface FaultRule {
  readonly vendor: SandboxVendor;
  /** One route as `GET /_calls` writes it. Absent: all of the vendor's. */
  readonly route?: string | undefined;
  readonly fault: Fault;
  /** How many calls it strikes before it is used up. Absent: all. */
  readonly count?: number | undefined;
  /** The chance, 0 to 1, that it strikes a call. Absent: 1. */
  readonly probability?: number | undefined;
}

/** What befalls one call. */
export interface Misfortune {
  readonly delayMs: number;
  readonly fault: ActiveFault | undefined;
}

export interface FaultList {
  readonly replace: (rules: unknown) => void;
  /** The rules that are left, with what is left of their counts. */
  readonly rules: () => readonly FaultRule[];
  readonly strike: (vendor: SandboxVendor, route: string) => Misfortune;
}

/** Keeps the faults; `random` decides where a probability does, `knownRoutes` refuses a route that never comes. */
export const createFaultList = (
  random: () => number,
  knownRoutes: (vendor: SandboxVendor) => readonly string[],
): FaultList => {
  let rules: z.output<typeof faultRuleSchema>[] = [];

  const strikes = (rule: (typeof rules)[number], vendor: SandboxVendor, route: string): boolean => {
    if (rule.vendor !== vendor || (rule.route !== undefined && rule.route !== route)) return false;
    if (rule.count === 0 || (rule.probability !== undefined && random() >= rule.probability)) return false;
    if (rule.count !== undefined) rule.count -= 1;
    return true;
  };

  return {
    replace: (input) => {
      const { faults } = parseStrictly('setFaults', faultListSchema, { faults: input });
      for (const { vendor, route } of faults) {
        if (route === undefined || knownRoutes(vendor).includes(route)) continue;
        throw new TypeError(`setFaults: ${vendor} has these routes: ${knownRoutes(vendor).join(', ')}`);
      }
      rules = faults;
    },
    rules: () => rules.filter((rule) => rule.count !== 0).map((rule) => ({ ...rule })),
    strike: (vendor, route) => {
      let delayMs = 0;
      for (const rule of rules) {
        if (!strikes(rule, vendor, route)) continue;
        if (rule.fault.type !== 'latency') return { delayMs, fault: rule.fault };
        delayMs += rule.fault.delayMs;
      }
      return { delayMs, fault: undefined };
    },
  };
};
