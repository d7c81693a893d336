/** Returns the table of the headers that pass through the proxy of a vendor. */
export function renderProxyHeaders(request: readonly string[], response: readonly string[]): string {
  const list = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(', ');
  return [
    '| direction | headers |',
    '| --- | --- |',
    `| request | ${list([...request, 'content-length'].toSorted())} |`,
    `| response | ${list(response)} |`,
  ].join('\n');
}
