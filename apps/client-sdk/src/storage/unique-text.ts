/** Returns a text that no other call returns, in any program. It is no secret. */
export function uniqueText(): string {
  return Array.from({ length: 2 }, () => Math.random().toString(36).slice(2)).join('');
}
