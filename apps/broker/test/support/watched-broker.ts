import { Writable } from 'node:stream';
import { inspect } from 'node:util';
import type { ClientToken, IssueRequest, Vendor, VendorDefinition } from '@valetkey/core-types';
import type { Sandbox } from '@valetkey/sandbox';
import { vendors as registered } from '@valetkey/vendor-clients';
import { createBroker } from '../../src/create-broker.ts';
import type { BrokerDependencies } from '../../src/assemble.ts';
import type { BrokerConfigInput } from '../../src/config/define-config.ts';
import { createLogger } from '../../src/telemetry/logger.ts';

/** The admin token of a watched broker. */
export const watchedAdminToken = 'canary-admin-token-51f0';

/** How long a watched broker waits for a vendor, in milliseconds, unless its test says otherwise. */
export const watchedTimeoutMs = 1_000;

/** All five vendors and the OpenID provider of a sandbox, with short deadlines. */
export function configureFor({ urls, credentials }: Sandbox, timeoutMs = watchedTimeoutMs) {
  const { nabla, nudge, nymbl, vital } = credentials;
  return {
    listen: { port: 0 },
    admin: { port: 0, token: watchedAdminToken },
    store: { sqlite: ':memory:' },
    log: { level: 'trace' },
    issuers: [{ issuer: urls.idp, audiences: ['valetkey'] }],
    vendors: {
      nabla: {
        baseUrl: urls.nabla,
        serverKey: nabla.serverKey,
        patientIdClaim: 'sub',
        timeoutMs,
        user: { claim: 'sub', issuer: urls.idp },
      },
      nudge: { baseUrl: urls.nudge, apiKey: nudge.apiKey, timeoutMs },
      nymbl: {
        baseUrl: urls.nymbl,
        tokenUrl: `${urls.nymblIdp}/oauth2/token`,
        clientId: nymbl.clientId,
        clientSecret: nymbl.clientSecret,
        apiKey: nymbl.apiKey,
        customer: { value: nymbl.customer },
        allow: [
          { method: 'GET', path: '/Patients' },
          { method: 'POST', path: '/Patients' },
        ],
        timeoutMs,
        streamTimeoutMs: timeoutMs,
        maxResponseBytes: 1_048_576,
      },
      authgear: { endpoint: urls.authgear, timeoutMs },
      vital: { baseUrl: urls.vital, apiKey: vital.apiKey, environment: 'sandbox', region: 'us', timeoutMs },
    },
  } satisfies BrokerConfigInput;
}

/** A broker on free ports that keeps all it says: its log at level trace, and each error that a vendor threw. */
export async function startWatchedBroker(
  config: BrokerConfigInput,
  effects: Pick<BrokerDependencies, 'clock' | 'store'> = {},
) {
  let log = '';
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      log += chunk;
      done();
    },
  });
  const failures: unknown[] = [];
  const broker = createBroker(config, {
    ...effects,
    logger: createLogger('trace', sink),
    vendors: Object.fromEntries(
      Object.values<VendorDefinition>(registered).map((definition) => [definition.id, watch(definition, failures)]),
    ),
  });
  const { brokerUrl, adminUrl } = await broker.listen();

  const call = (path: string, token?: string, init: RequestInit = {}) =>
    fetch(brokerUrl + path, {
      ...init,
      headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...init.headers },
    });

  return {
    broker,
    brokerUrl,
    adminUrl,
    call,
    issue: (vendor: string, token: string, init: RequestInit = {}) =>
      call(`/v1/vendors/${vendor}/token`, token, { method: 'POST', ...init }),
    /** Everything that an operator, a log collector or a debugger could read by now. */
    readTraces: async () => {
      const audit = await fetch(`${adminUrl}/v1/decisions?limit=1000`, {
        headers: { authorization: `Bearer ${watchedAdminToken}` },
      });
      return {
        log,
        audit: await audit.text(),
        failures: inspect(failures, { depth: 8, showHidden: true }) + JSON.stringify(failures),
      };
    },
    logLines: () => log.split('\n').filter((line) => line !== ''),
    [Symbol.asyncDispose]: broker.close,
  };
}

export type WatchedBroker = Awaited<ReturnType<typeof startWatchedBroker>>;

/** The same vendor, with each error that it throws kept as it was thrown. */
function watch(definition: VendorDefinition, failures: unknown[]): VendorDefinition {
  const keep =
    <Parameters extends unknown[], Result>(work: (...parameters: Parameters) => Promise<Result>) =>
    async (...parameters: Parameters): Promise<Result> => {
      try {
        return await work(...parameters);
      } catch (failure) {
        failures.push(failure);
        throw failure;
      }
    };
  return {
    ...definition,
    create(options, environment): Vendor {
      const vendor = definition.create(options, environment);
      const { issue, users, proxy } = vendor;
      return {
        ...vendor,
        issue:
          issue &&
          ({
            ...issue,
            issue: keep(issue.issue as (request: IssueRequest) => Promise<ClientToken>),
          } as Vendor['issue']),
        users: users && { ensureUser: keep(users.ensureUser) },
        proxy: proxy && { ...proxy, issueServerToken: keep(proxy.issueServerToken), send: keep(proxy.send) },
      };
    },
  };
}
