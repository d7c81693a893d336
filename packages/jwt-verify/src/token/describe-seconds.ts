/** Returns a number of seconds as a text: `1 second`, `60 seconds`. */
export function describeSeconds(seconds: number): string {
  return `${seconds} second${seconds === 1 ? '' : 's'}`;
}
