import type { Dev } from './dev.ts';

const columns = 80;
const indent = 13;

/** Returns the text that `valetkey dev` prints when the broker and the sandbox are ready: their URLs, and two commands to copy. */
export function devBanner(
  { brokerUrl, adminUrl, sandboxUrl, simulated, catalog }: Dev,
  platform = process.platform,
): string {
  // In Windows PowerShell, `curl` is an alias of `Invoke-WebRequest`, which has other options.
  const curl = platform === 'win32' ? 'curl.exe' : 'curl';
  return `
  Valet Key is ready.

    broker   ${brokerUrl}
    admin    ${adminUrl}
    sandbox  ${sandboxUrl}
             simulates ${simulated.join(', ')}
             ${describeCatalog(catalog)}

  In another terminal, sign alice in at the simulated identity provider, then
  get her Nabla tokens:

  ${curl} -s "${sandboxUrl}/idp/dev-token?sub=alice" -o alice.txt
  ${curl} -X POST ${brokerUrl}/v1/vendors/nabla/token -H "@alice.txt"

  Each decision and each warning of the broker is printed below. Ctrl-C stops
  everything.
`;
}

/** Returns one line about the vendors of the catalog, with as many of their names as fit. */
function describeCatalog(titles: readonly string[]): string {
  const names = [...new Set(titles.map((title) => title.split(' ')[0] ?? title))];
  let line = `and ${titles.length} vendors of the catalog:`;
  for (const name of names) {
    if (indent + `${line} ${name}, …`.length > columns) break;
    line += ` ${name},`;
  }
  return `${line} …`;
}
