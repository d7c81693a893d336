const loopbackHost = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/**
 * Returns whether the `hostname` of a URL names the loopback interface: `localhost`, `127.0.0.0/8` or `[::1]`. The name is
 * not looked up in DNS.
 */
export function isLoopbackHost(hostname: string): boolean {
  return loopbackHost.test(hostname);
}
