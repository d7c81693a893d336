/** Returns whether a response redirects, or is one to which the platform was redirected. */
export function isRedirect({ type, status, redirected }: Response): boolean {
  return type === 'opaqueredirect' || [301, 302, 303, 307, 308].includes(status) || redirected;
}
