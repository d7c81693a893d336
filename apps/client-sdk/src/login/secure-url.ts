const loopbackHost = /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/;

/** Returns the URL in a text or a `URL`, or undefined if there is none. */
export function parseUrl(value: unknown, base?: string): URL | undefined {
  try {
    return new URL(String(value), base);
  } catch {
    return undefined;
  }
}

/** Returns whether requests to a URL are encrypted, or stay on this machine. A URL with a user name is refused. */
export function isSecure({ protocol, hostname, username, password }: URL): boolean {
  const isPrivate = protocol === 'https:' || (protocol === 'http:' && loopbackHost.test(hostname));
  return isPrivate && username === '' && password === '';
}
