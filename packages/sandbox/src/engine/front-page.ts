/** What the front page shows. */
export interface FrontPageContent {
  readonly services: readonly { readonly name: string; readonly title: string; readonly sample: string }[];
  /** The names of the controls, by simulation. */
  readonly controls: Readonly<Record<string, readonly string[]>>;
  /** The names of the issuers whose keys can be rotated. */
  readonly issuers: readonly string[];
}

const maxWidth = 80;

/** Returns the text of `GET /`: every service with calls to try, and the sandbox's own routes. */
export function createFrontPage({ services, controls, issuers }: FrontPageContent): string {
  const [vendor = ''] = services.map(({ name }) => name);
  const [issuer = ''] = issuers;
  const lines = [
    'Valet Key sandbox: simulated vendors, for development and tests only.',
    '',
    ...services.flatMap(({ name, title, sample }) => [
      `  ${title}`,
      ...sample.split(', ').map((call) => indent(call.replace('/', `/${name}/`))),
    ]),
    '',
    '  GET    /_calls    how often each route was called',
    '  DELETE /_calls    resets the counts',
    '  GET    /_faults   the active faults',
    `  PUT    /_faults   ${JSON.stringify({ faults: [{ vendor, fault: { type: 'reset' } }] })}`,
    `  POST   /_state    ${JSON.stringify({ keys: { rotate: [issuer] } })}`,
    "  POST   /_state    the actions of a vendor's console:",
    ...Object.entries(controls).flatMap(([id, names]) => listActions(id, names)),
  ];
  return `${lines.join('\n')}\n`;
}

const indent = (line: string) => `    ${line}`;

/** Returns the names of a simulation's actions, on as many lines as they need. */
function listActions(id: string, names: readonly string[]): string[] {
  const lines = [indent(`${id}: ${names[0] ?? ''}`)];
  for (const name of names.slice(1)) {
    const last = lines.length - 1;
    const longer = `${lines[last]}, ${name}`;
    if (longer.length <= maxWidth) lines[last] = longer;
    else lines.push(indent(`  ${name}`));
  }
  return lines;
}
