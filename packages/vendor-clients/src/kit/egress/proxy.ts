import { describeSchemaProblems, VendorSetupError } from '@valetkey/core-types';
import { proxySchema, type EgressSettings } from './egress-options.ts';
import { proxyExceptionSchema, type ProxyException } from './proxy-exceptions.ts';

/** The HTTP proxy of an egress. */
export interface Proxy {
  readonly url: string;
  /** The setting that names the proxy. */
  readonly setting: string;
  readonly exceptions: readonly ProxyException[];
}

/** The variables of an environment. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Returns the first of the variables that has a value. */
function findVariable(environment: Environment, ...names: readonly string[]): string | undefined {
  return names.find((name) => (environment[name] ?? '').trim() !== '');
}

/**
 * Returns the proxy of the options, else of the environment. `HTTPS_PROXY` comes before `HTTP_PROXY`, because every call
 * through the proxy is https. Throws a `TypeError` if a variable of the environment cannot be used.
 */
export function findProxy(
  { proxy, noProxy }: EgressSettings,
  environment: Environment = process.env,
): Proxy | undefined {
  if (proxy === false) return undefined;
  if (proxy !== undefined) return { url: proxy.reveal(), setting: 'egress.proxy', exceptions: noProxy ?? [] };
  const name = findVariable(environment, 'https_proxy', 'HTTPS_PROXY', 'http_proxy', 'HTTP_PROXY');
  if (name === undefined) return undefined;
  const { success, data: url } = proxySchema.safeParse(environment[name]);
  if (!success) {
    throw new VendorSetupError(
      `${name} of the environment is not the URL of an HTTP proxy, such as http://proxy.example.com:3128. Correct it, or set egress.proxy.`,
    );
  }
  return { url: url.reveal(), setting: name, exceptions: noProxy ?? readExceptions(environment) };
}

/** Returns the exceptions of the environment. Throws for an entry that would have no effect. */
function readExceptions(environment: Environment): ProxyException[] {
  const name = findVariable(environment, 'no_proxy', 'NO_PROXY');
  const entries = (environment[name ?? ''] ?? '').split(/[,\s]+/).filter((entry) => entry !== '');
  return entries.map((entry, index) => {
    const { success, data, error } = proxyExceptionSchema.safeParse(entry);
    if (success) return data;
    throw new VendorSetupError(
      `${name} of the environment, entry ${index + 1}: ${describeSchemaProblems(error)}. Correct it, or set egress.noProxy.`,
    );
  });
}
