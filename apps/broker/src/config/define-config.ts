import type { vendors } from '@valetkey/vendor-clients';
import type { z } from 'zod';
import type { brokerShape } from './broker-fields.ts';
import type { ConnectionPolicyInput } from './connection-policy.ts';

type Registry = typeof vendors;

type OptionsOf<Id extends keyof Registry> = z.input<Registry[Id]['options']> & ConnectionPolicyInput;

/** The connections whose name is the id of their vendor. */
type ConnectionsByVendor = { -readonly [Id in keyof Registry]?: OptionsOf<Id> & { vendor?: Id } };

/** A connection with any other name. It must name its vendor. */
type NamedConnection = { [Id in keyof Registry]: OptionsOf<Id> & { vendor: Id } }[keyof Registry];

/** A connection to a vendor that is listed under `adapters`. */
type AdapterConnection = ConnectionPolicyInput & { [option: string]: unknown };

/** The configuration as an operator writes it. */
export type BrokerConfigInput = z.input<z.ZodObject<typeof brokerShape>> & {
  vendors?: ConnectionsByVendor & { [name: string]: NamedConnection | AdapterConnection };
};

/**
 * Returns its argument. It gives a `valetkey.config.ts` its type, so that an editor checks the fields.
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
