/** What the front page shows. */
export interface FrontPageContent {
  readonly services: readonly { readonly name: string; readonly title: string; readonly sample: string }[];
  /** The names of the controls, by simulation. */
  readonly controls: Readonly<Record<string, readonly string[]>>;
  /** The names of the issuers whose keys can be rotated. */
  readonly issuers: readonly string[];
}

/** Returns the text of `GET /`: every service with a call to try, and the sandbox's own routes. */
export function createFrontPage({ services, controls, issuers }: FrontPageContent): string {
  const rows = services.map(({ name, title, sample }) => [`/${name}`, title, sample] as const);
  const [pathWidth, titleWidth] = [widthOf(rows, 0), widthOf(rows, 1)];
  const fault = { faults: [{ vendor: services[0]?.name, fault: { type: 'latency', delayMs: 2000 } }] };
  const rotation = { keys: { rotate: issuers.slice(0, 1) } };
  const lines = [
    'Valet Key sandbox: simulated vendors, for development and tests only.',
    '',
    ...rows.map(([path, title, sample]) => `  ${path.padEnd(pathWidth)}  ${title.padEnd(titleWidth)}  ${sample}`),
    '',
    '  GET    /_calls    how often each route was called',
    '  DELETE /_calls    resets the counts',
    '  GET    /_faults   the active faults',
    `  PUT    /_faults   ${JSON.stringify(fault)}`,
    `  POST   /_state    ${JSON.stringify(rotation)}`,
    "  POST   /_state    the actions of a vendor's console:",
    ...Object.entries(controls).map(([id, names]) => `                    ${id}: ${names.join(', ')}`),
  ];
  return `${lines.join('\n')}\n`;
}

function widthOf(rows: readonly (readonly string[])[], column: number): number {
  return Math.max(...rows.map((row) => row[column]?.length ?? 0));
}
