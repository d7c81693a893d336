import type { Dev } from './dev.ts';

/** Returns the text that `valetkey dev` prints when the broker and the sandbox are ready: their URLs, and two commands to copy. */
export function devBanner({ brokerUrl, adminUrl, sandboxUrl, simulated }: Dev, platform = process.platform): string {
  // In Windows PowerShell, `curl` is an alias of `Invoke-WebRequest`, which has other options.
  const curl = platform === 'win32' ? 'curl.exe' : 'curl';
  return `
  Valet Key is ready.

    broker   ${brokerUrl}
    admin    ${adminUrl}
    sandbox  ${sandboxUrl}
             simulates ${simulated.join(', ')}

  In another terminal, sign alice in at the simulated identity provider, then
  get her Nabla tokens:

  ${curl} -s "${sandboxUrl}/idp/dev-token?sub=alice" -o alice.txt
  ${curl} -X POST ${brokerUrl}/v1/vendors/nabla/token -H "@alice.txt"

  Each decision and each warning of the broker is printed below. Ctrl-C stops
  everything.
`;
}
