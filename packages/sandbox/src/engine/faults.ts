import { z } from 'zod';
import { parseArgument } from './parse.ts';

/** `before`: the vendor does not process the call. `after`: it processes the call, and only the response is lost. */
const when = z.enum(['before', 'after']).default('before');

/** Text that every HTTP header can carry (RFC 9110 section 5.5). Other text would fail only when the fault occurs. */
const headerText = /^[\t -~]*$/;

const retryAfterSchema = z.discriminatedUnion('form', [
  z.strictObject({ form: z.literal('seconds'), seconds: z.number().int().min(0) }),
  // The year of an HTTP date has four digits.
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

/**
 * A fault, by `type`. Bounds and defaults are those of the schema:
 *
 * - `latency`: the response is sent `delayMs` later. It adds to every other fault of the same call.
 * - `hang`: no response is ever sent.
 * - `drip`: `chunkBytes` (1) of the body are sent every `intervalMs` (100).
 * - `reset`: the connection is reset, as by a vendor that is down; with `when: 'mid-body'`, after half of the body.
 * - `status`: this `status`, with the body that the vendor sends with it at that route or with `body`, and with
 *   `retryAfter` as under `rate-limit`.
 * - `rate-limit`: 429 with `Retry-After` in `seconds`, as a `date` so many seconds ahead, as `garbage`, or `absent`.
 * - `malformed`: a complete response whose body is broken JSON.
 * - `truncated`: half of the body, after which the connection closes.
 * - `huge`: `bytes` of valid JSON (64 MiB); with `gzip`, few of them on the wire.
 * - `wrong-content-type`: the correct body, labelled `text/html` or `contentType`.
 * - `empty`: the correct status without a body.
 * - `wrong-user`: the response is about a different user.
 * - `extra-response`: the correct response, directly followed on the wire by one that was not requested, about a
 *   different user.
 * - `redirect`: a redirect to `location`.
 * - `expired-token`: the tokens of the response have expired.
 * - `unpublished-key`: the tokens of the response are signed by a key that the issuer does not publish.
 */
export type Fault = z.input<typeof faultSchema>;

/** A fault with its defaults filled in. */
export type ActiveFault = z.output<typeof faultSchema>;

/** Where and how often a fault occurs. The first rule that matches a call decides. */
export interface FaultRule<Service extends string = string> {
  /** The service that fails. */
  readonly vendor: Service;
  /** One route of the service, written as `GET /_calls` shows it. Absent: every route. */
  readonly route?: string | undefined;
  readonly fault: Fault;
  /** The number of calls that fail. Absent: no bound. */
  readonly count?: number | undefined;
  /** The probability, from 0 to 1, that a call fails. Absent: 1. */
  readonly probability?: number | undefined;
}

/** The faults of one call. */
export interface CallFaults {
  readonly delayMs: number;
  readonly fault: ActiveFault | undefined;
}

export interface FaultList {
  /** Parses the body of `PUT /_faults`. */
  readonly schema: z.ZodType<{ readonly faults: FaultRule[] }>;
  /** Replaces all rules. Throws a `TypeError` for a rule that is not valid or names an unknown route. */
  readonly replace: (rules: unknown) => void;
  /** Returns the remaining rules, each with its remaining count. */
  readonly rules: () => readonly FaultRule[];
  /** Returns the faults of one call, and counts it. */
  readonly strike: (service: string, route: string) => CallFaults;
}

/** Keeps the fault rules of services that have these routes. `random` decides where a rule has a probability. */
export function createFaultList(
  routesOf: Readonly<Record<string, readonly string[]>>,
  random: () => number,
): FaultList {
  const schema = createFaultListSchema(routesOf);
  let rules: z.output<typeof schema>['faults'] = [];

  function matches(rule: (typeof rules)[number], service: string, route: string): boolean {
    if (rule.vendor !== service || (rule.route !== undefined && rule.route !== route)) return false;
    if (rule.count === 0 || (rule.probability !== undefined && random() >= rule.probability)) return false;
    if (rule.count !== undefined) rule.count -= 1;
    return true;
  }

  return {
    schema,
    replace(input) {
      rules = parseArgument('setFaults', schema, { faults: input }).faults;
    },
    rules: () => rules.filter((rule) => rule.count !== 0).map((rule) => ({ ...rule })),
    strike(service, route) {
      let delayMs = 0;
      for (const rule of rules) {
        if (!matches(rule, service, route)) continue;
        if (rule.fault.type !== 'latency') return { delayMs, fault: rule.fault };
        delayMs += rule.fault.delayMs;
      }
      return { delayMs, fault: undefined };
    },
  };
}

function createFaultListSchema(routesOf: Readonly<Record<string, readonly string[]>>) {
  const faultRuleSchema = z
    .strictObject({
      vendor: z.enum(Object.keys(routesOf)),
      route: z.string().optional(),
      fault: faultSchema,
      count: z.number().int().min(1).optional(),
      probability: z.number().min(0).max(1).optional(),
    })
    .superRefine(({ vendor, route }, context) => {
      const routes = routesOf[vendor] ?? [];
      if (route === undefined || routes.includes(route)) return;
      context.addIssue({ code: 'custom', path: ['route'], message: `must be one of ${routes.join(', ')}` });
    });
  return z.strictObject({ faults: z.array(faultRuleSchema).max(1000) });
}
