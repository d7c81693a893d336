import { assemble, type Broker, type BrokerDependencies } from './assemble.ts';
import { parseConfig } from './config/parse-config.ts';

/**
 * Creates a broker from its configuration. The broker does not listen yet. Throws a `ConfigError` that lists every problem
 * of the configuration.
 *
 * @example
 * ```ts
 * import { createBroker } from '@valetkey/broker';
 *
 * const broker = createBroker({
 *   issuers: [{ issuer: 'https://id.example.com', audiences: ['my-api'] }],
 *   vendors: { nudge: { apiKey: process.env.NUDGE_API_KEY ?? '' } },
 * });
 * const { brokerUrl } = await broker.listen();
 * ```
 */
export function createBroker(input: unknown, dependencies: BrokerDependencies = {}): Broker {
  return assemble(parseConfig(input, dependencies.vendors), dependencies);
}
