import { text } from 'node:stream/consumers';
import { Secret, type Principal, type Vendor, type VendorDefinition, type VendorEvent } from '@valetkey/core-types';
import { simulations, type Sandbox, type SandboxVendor } from '@valetkey/sandbox';
import { vendors } from '../registry.ts';
import { tokenProxyOf } from './token-proxy.ts';

const principal: Principal = { issuer: 'https://idp.example', subject: 'alice', scopes: [], claims: {} };

/** Every vendor of the registry. */
export const definitions: Readonly<Record<string, VendorDefinition>> = vendors;

/** Returns the options with which a vendor is connected to its simulation, without the fields that the broker reads. */
export function connectionOf(sandbox: Sandbox, id: string): Record<string, unknown> {
  const { shape } = definitions[id]?.options ?? {};
  const connection = sandbox.connections[id];
  if (shape === undefined || connection === undefined) throw new Error(`The sandbox has no connection for ${id}.`);
  return Object.fromEntries(Object.entries(connection).filter(([name]) => name in shape));
}

/** Returns the name of the service that a vendor calls first. Fault rules use this name. */
export function simulationOf(id: string): SandboxVendor {
  const { services } = simulations.find((simulation) => simulation.id === id) ?? { services: {} };
  const [first] = Object.keys(services);
  if (first === undefined) throw new Error(`The sandbox does not simulate ${id}.`);
  return first as SandboxVendor;
}

/** Creates a vendor that is connected to its simulation. */
export function startSandboxed(
  sandbox: Sandbox,
  id: string,
  { timeoutMs = 10_000, onEvent }: { timeoutMs?: number; onEvent?: (event: VendorEvent) => void } = {},
): Vendor {
  const definition = definitions[id];
  if (definition === undefined) throw new Error(`There is no vendor ${id}.`);
  return definition.create(definition.options.parse({ timeoutMs, ...connectionOf(sandbox, id) }), { onEvent });
}

/** Uses the first ability of a vendor, and returns the text that the vendor sent. */
export async function operate(vendor: Vendor): Promise<string> {
  const { issue, users, proxy, verify } = vendor;
  if (issue !== undefined) {
    const { vendorUserId = 'patient-1' } = (await users?.ensureUser('alice')) ?? {};
    const { fields } = await issue.issue({ principal, vendorUserId, parameters: issue.parameters.parse({}) });
    return Object.values(fields)
      .map((field) => (field instanceof Secret ? field.reveal() : field))
      .join(' ');
  }
  if (proxy === undefined) {
    await verify?.();
    return 'verified';
  }
  const { allow, issueServerToken, tokenKey, send } = tokenProxyOf(vendor);
  const token = await issueServerToken(tokenKey(principal));
  const [call = { method: 'GET', path: '/' }] = allow;
  const response = await send({ ...call, query: '', headers: {} }, token);
  if (response === 'token_refused') throw new Error('The vendor refused the token.');
  return await text(response.body);
}
