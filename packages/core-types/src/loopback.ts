const loopbackHost = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * Returns whether a URL's host name is the loopback interface: `localhost`, `127.0.0.0/8` or `[::1]`. The host name is
 * compared as the WHATWG URL parser gives it; nothing is resolved.
 */
export function isLoopbackHost(hostname: string): boolean {
  return loopbackHost.test(hostname);
}
