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
 * A fault, by `type`:
 *
 * - `latency`: sends the response `delayMs` later. Every `latency` of a call delays it, also beside another fault.
 * - `hang`: never sends a response.
 * - `drip`: sends `chunkBytes` of the body every `intervalMs`. Default: 1 byte every 100 ms.
 * - `reset`: resets the TCP connection, as a vendor that is down does. With `when: 'mid-body'`, sends half of the body before.
 * - `status`: responds with `status`. The body is `body`, or else the vendor's own body for this status at this route.
 *   `retryAfter` works as under `rate-limit`. Default: no `Retry-After`.
 * - `rate-limit`: responds with 429. `retryAfter` is a number of `seconds`, the `date` so many seconds ahead, `garbage`, or
 *   `absent`. Default: 1 second.
 * - `malformed`: sends a complete response whose body is broken JSON.
 * - `truncated`: sends half of the body and closes the TCP connection.
 * - `huge`: sends `bytes` of valid JSON. Default: 64 MiB. With `gzip`, the transfer is small.
 * - `wrong-content-type`: sends the correct body with the content type `contentType`. Default: `text/html`.
 * - `empty`: sends the correct status without a body.
 * - `wrong-user`: sends a response about a different user.
 * - `extra-response`: sends the correct response, and at once a second one, about a different user, that was not requested.
 * - `redirect`: redirects to `location` with `status`. Default: 307.
 * - `expired-token`: sends tokens that have expired.
 * - `unpublished-key`: sends tokens that are signed by a key that the issuer does not publish.
 *
 * With `when: 'after'`, `hang`, `reset` and `status` let the vendor process the call and lose only the response.
 */
export type Fault = z.input<typeof faultSchema>;

/** A fault with its defaults filled in. */
export type ActiveFault = z.output<typeof faultSchema>;

/**
 * Which calls a fault affects. Of the rules that match a call, the first that is no `latency` decides; each `latency`, before
 * or after it, delays the response.
 */
export interface FaultRule<Service extends string = string> {
  /** The name of the service that fails. A vendor may have several services. */
  readonly vendor: Service;
  /** One route of the service, written as `GET /_calls` shows it. Default: every route. */
  readonly route?: string | undefined;
  readonly fault: Fault;
  /** The number of calls that fail. Default: no bound. */
  readonly count?: number | undefined;
  /** The probability, from 0 to 1, that a call fails. Default: 1. */
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
  /** Returns the faults for one call, and reduces the `count` of each rule that applies. */
  readonly takeFaults: (service: string, route: string) => CallFaults;
}

/** Keeps the fault rules of the services. `random` is used for rules with a `probability`. */
export function createFaultList(
  routesOf: Readonly<Record<string, readonly string[]>>,
  random: () => number,
): FaultList {
  const schema = createFaultListSchema(routesOf);
  let rules: z.output<typeof schema>['faults'] = [];

  /** Returns whether a rule applies to this call, and reduces its `count` if it does. */
  function applyRule(rule: (typeof rules)[number], service: string, route: string): boolean {
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
    takeFaults(service, route) {
      let delayMs = 0;
      let deciding: ActiveFault | undefined;
      for (const rule of rules) {
        const isLatency = rule.fault.type === 'latency';
        if ((deciding !== undefined && !isLatency) || !applyRule(rule, service, route)) continue;
        if (rule.fault.type === 'latency') delayMs += rule.fault.delayMs;
        else deciding = rule.fault;
      }
      return { delayMs, fault: deciding };
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
