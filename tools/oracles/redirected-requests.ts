import http from 'node:http';
import https from 'node:https';
import { syncBuiltinESMExports } from 'node:module';

/** Carries the origin that the SDK chose to the simulator. */
export const originHeader = 'x-oracle-origin';

let simulatorPort: number | undefined;

/** Sets the port to which all requests go from now on. Without one, every request fails. */
export function setSimulatorPort(port: number | undefined): void {
  simulatorPort = port;
}

/**
 * Sends every `https:` request of this process to the simulator, with the same method, path, headers and body.
 *
 * Call it before an SDK is loaded. The SDK then runs as an app would configure it, and the fixture tells which host it calls.
 */
export function redirectRequests(): void {
  const realFetch = globalThis.fetch;
  globalThis.fetch = (input, init) => {
    if (input instanceof Request)
      throw new Error('The SDK passes a Request to fetch, which the oracles do not support.');
    const { origin, pathname, search } = new URL(input);
    const headers = new Headers(init?.headers);
    headers.set(originHeader, origin);
    return realFetch(`http://127.0.0.1:${readPort()}${pathname}${search}`, { ...init, headers });
  };

  const request = (options: https.RequestOptions, listener?: (response: http.IncomingMessage) => void) => {
    const { hostname, host = hostname, port, headers = {}, agent: _agent, ...rest } = options;
    const isDefaultPort = port === undefined || port === null || port === '' || Number(port) === 443;
    const origin = `https://${host}${isDefaultPort ? '' : `:${port}`}`;
    return http.request(
      {
        ...rest,
        protocol: 'http:',
        host: '127.0.0.1',
        port: readPort(),
        headers: { ...headers, [originHeader]: origin },
      },
      listener,
    );
  };
  Object.assign(https, { request });
  syncBuiltinESMExports();
}

function readPort(): number {
  if (simulatorPort === undefined) throw new Error('The SDK sent a request outside of recordRequest.');
  return simulatorPort;
}
