import { z } from 'zod';

/** The section `telemetry`. */
export const telemetrySchema = z
  .strictObject({
    openTelemetry: z
      .strictObject({
        continueTraces: z
          .boolean()
          .default(false)
          .describe(
            'Whether a request continues the trace that a proxy of `listen.trustedProxies` names in `traceparent` (W3C Trace Context). Default: each request begins a trace.',
          ),
        sendTo: z
          .array(z.string().min(1))
          .default([])
          .describe(
            'The connections whose vendor receives `traceparent` with each call, so that the vendor can continue the trace. Default: no vendor learns the ids of traces.',
          ),
      })
      .optional()
      .describe(
        'Sends traces and metrics to an OpenTelemetry collector. The variables `OTEL_…` of the environment say where to and how. Needs the packages `@opentelemetry/api` and `@opentelemetry/sdk-node`. Absent: off.',
      ),
  })
  .prefault({})
  .describe('What the broker tells about its work, besides its log and `/metrics`.');

type TelemetryFields = z.output<typeof telemetrySchema>;

/** Which traces a broker continues, and to which connections it passes them on. */
export type OpenTelemetryFields = NonNullable<TelemetryFields['openTelemetry']>;

interface Surroundings {
  readonly connections: readonly { readonly name: string }[];
  readonly trustedProxies: readonly string[];
}

/** Returns what is wrong with the section in a configuration that has these connections and proxies. */
export function findTelemetryProblems(
  { openTelemetry }: TelemetryFields,
  { connections, trustedProxies }: Surroundings,
): string[] {
  if (openTelemetry === undefined) return [];
  const { continueTraces, sendTo } = openTelemetry;
  const names = new Set(connections.map(({ name }) => name));
  const problems = sendTo.flatMap((name, index) =>
    names.has(name)
      ? []
      : [
          `telemetry.openTelemetry.sendTo.${index}: is no connection; use a name under vendors: ${[...names].join(', ')}`,
        ],
  );
  if (continueTraces && trustedProxies.length === 0) {
    problems.push(
      'telemetry.openTelemetry.continueTraces: has no effect without listen.trustedProxies; name the proxies there that set traceparent',
    );
  }
  return problems;
}
