import type { vendors } from '@valetkey/vendor-clients';
import type { z } from 'zod';
import type { brokerShape } from './broker-fields.ts';
import type { ConnectionPolicyInput } from './connection-policy.ts';

type Registry = typeof vendors;

type OptionsOf<Id extends keyof Registry> = z.input<Registry[Id]['options']> & ConnectionPolicyInput;

/** A connection under the name of its vendor. */
type ConnectionsByVendor = { -readonly [Id in keyof Registry]?: OptionsOf<Id> & { vendor?: Id } };

/** A connection under a name of its own. */
type NamedConnection = { [Id in keyof Registry]: OptionsOf<Id> & { vendor: Id } }[keyof Registry];

/** A connection of a vendor that is listed under `adapters`. */
type AdapterConnection = ConnectionPolicyInput & { [option: string]: unknown };

/** The configuration as an operator writes it. */
export type BrokerConfigInput = z.input<z.ZodObject<typeof brokerShape>> & {
  vendors?: ConnectionsByVendor & { [name: string]: NamedConnection | AdapterConnection };
};

/**
 * Returns its argument: it types a `valetkey.config.ts`.
 *
 * @example
 * ```ts
 * import { defineConfig } from '@valetkey/broker';
 *
 * export default defineConfig({
 *   issuers: [{ issuer: 'https://id.example.com', audiences: ['my-api'] }],
 *   vendors: { nudge: { apiKey: '${env:NUDGE_API_KEY}' } },
 * });
 * ```
 */
export function defineConfig(config: BrokerConfigInput): BrokerConfigInput {
  return config;
}
