import { Writable } from 'node:stream';
import { inspect } from 'node:util';
import type { ClientToken, IssueRequest, ProxyAbility, Vendor, VendorDefinition } from '@valetkey/core-types';
import type { Sandbox } from '@valetkey/sandbox';
import { vendors as registered } from '@valetkey/vendor-clients';
import { createBroker } from '../../src/create-broker.ts';
import type { BrokerDependencies } from '../../src/assemble.ts';
import type { BrokerConfigInput } from '../../src/config/define-config.ts';
import { createLogger } from '../../src/telemetry/logger.ts';

/** The admin token of every recording broker. */
export const adminToken = 'canary-admin-token-51f0';

/**
 * Returns the configuration of a broker for all vendors and the OpenID provider of a sandbox. The broker waits `timeoutMs`
 * for a vendor; the default is longer than a busy machine needs.
 */
export function createConfigFor({ urls, credentials }: Sandbox, timeoutMs = 120_000) {
  const { nabla, nudge, nymbl, vital } = credentials;
  return {
    listen: { port: 0 },
    admin: { port: 0, token: adminToken },
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

/** Starts a broker on free ports, and records its log at level `trace` and each error that a vendor throws. */
export async function startRecordingBroker(
  config: BrokerConfigInput,
  dependencies: Pick<BrokerDependencies, 'clock' | 'store'> = {},
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
    ...dependencies,
    logger: createLogger('trace', sink),
    vendors: Object.fromEntries(
      Object.values<VendorDefinition>(registered).map((definition) => [
        definition.id,
        recordFailures(definition, failures),
      ]),
    ),
  });
  const { brokerUrl, adminUrl } = await broker.listen();

  const call = (path: string, token?: string, init: RequestInit = {}) =>
    fetch(brokerUrl + path, {
      ...init,
      headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...init.headers },
    });

  const callAdmin = (path: string, init: RequestInit = {}) =>
    fetch(adminUrl + path, { ...init, headers: { authorization: `Bearer ${adminToken}`, ...init.headers } });

  return {
    broker,
    brokerUrl,
    adminUrl,
    call,
    callAdmin,
    issue: (connection: string, token: string, init: RequestInit = {}) =>
      call(`/v1/vendors/${connection}/token`, token, { method: 'POST', ...init }),
    /** Returns the log and the audit so far, and the errors of the vendors as a debugger prints them. */
    readRecords: async () => {
      const audit = await callAdmin('/v1/decisions?limit=1000');
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

export type RecordingBroker = Awaited<ReturnType<typeof startRecordingBroker>>;

type Record = <Parameters extends unknown[], Result>(
  work: (...parameters: Parameters) => Promise<Result>,
) => (...parameters: Parameters) => Promise<Result>;

function recordProxy(proxy: ProxyAbility, record: Record): ProxyAbility {
  if ('forward' in proxy) return { ...proxy, forward: record(proxy.forward) };
  return { ...proxy, issueServerToken: record(proxy.issueServerToken), send: record(proxy.send) };
}

/** Returns a vendor that works like `definition`, and adds each error that it throws to `failures`. */
function recordFailures(definition: VendorDefinition, failures: unknown[]): VendorDefinition {
  const record =
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
    create(options, dependencies): Vendor {
      const vendor = definition.create(options, dependencies);
      const { issue, users, proxy } = vendor;
      return {
        ...vendor,
        issue:
          issue &&
          ({
            ...issue,
            issue: record(issue.issue as (request: IssueRequest) => Promise<ClientToken>),
          } as Vendor['issue']),
        users: users && { ...users, ensureUser: record(users.ensureUser) },
        proxy: proxy && recordProxy(proxy, record),
      };
    },
  };
}
