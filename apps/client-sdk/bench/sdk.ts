import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Contestant, racePaces } from '../../../tools/bench/measure.ts';
import { describeMachine, formatTable, writeSection } from '../../../tools/bench/report.ts';
import { type BundleSize, measureBundle, packageUses } from '../../../tools/client-sdk/bundle-size.ts';
import { createValetClient } from '../src/index.ts';

/** Other SDKs that run in an app, with what an app imports from them. */
const others: readonly (readonly [string, string])[] = [
  ['@authgear/web', 'default'],
  ['@auth0/auth0-spa-js', 'Auth0Client'],
  ['@supabase/auth-js', 'AuthClient'],
  ['oidc-client-ts', 'UserManager'],
];

/** Installs the current versions of the other SDKs into a temporary folder, and measures what an app imports from them. */
function measureOthers(): [string, BundleSize][] {
  const folder = mkdtempSync(join(tmpdir(), 'valetkey-bench-sdk-'));
  try {
    writeFileSync(join(folder, 'package.json'), '{ "private": true }');
    const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--silent'];
    execFileSync('npm', ['install', ...options, ...others.map(([name]) => name)], { cwd: folder, stdio: 'inherit' });
    return others.map(([name, exported]) => {
      const manifest = readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8');
      const { version } = JSON.parse(manifest) as { readonly version: string };
      const size = measureBundle(`export { ${exported} as sdk } from '${name}';`, folder);
      return [`${name} ${version}`, size];
    });
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function formatSizes(sizes: readonly (readonly [string, BundleSize])[]): string {
  const kilobytes = (bytes: number) => (bytes / 1000).toFixed(1);
  const rows = sizes.map(([name, size]) => [name, kilobytes(size.minifiedBytes), kilobytes(size.brotliBytes)]);
  return formatTable(['Size, kB', 'minified', 'minified and brotli'], rows);
}

const stub = async (): Promise<Response> => new Response('{}', { headers: { 'valet-key': 'vendor' } });

/** A call through the client and the same call of the stub, which both create a `Response` without a network. */
function createContestants(): Contestant[] {
  const brokerUrl = 'https://broker.example';
  const valet = createValetClient({ brokerUrl, getAppToken: () => 'app-token', fetch: stub });
  const readStub = async () => (await stub()).text();
  const readProxied = async () => (await valet.fetch('nymbl', '/Patients')).text();
  return [
    { name: 'bare `fetch`', prepare: () => readStub },
    { name: '**`valet.fetch`**', prepare: () => readProxied },
  ];
}

const paces = await racePaces(createContestants(), { rounds: 15, operations: 5000, concurrency: 1 });
const paceRows = [...paces].map(([name, { rate, cpuMicroseconds }]) => [
  name,
  (1e6 / rate).toFixed(1),
  cpuMicroseconds.toFixed(1),
]);

writeSection(
  'sdk',
  `## The client SDK (\`pnpm bench sdk\`)

${describeMachine()} Sizes of production bundles: esbuild minifies them and leaves out unused exports, and brotli compresses
them at its highest quality. 1 kB is 1000 bytes.

${formatSizes(packageUses.map(({ name, code }) => [name, measureBundle(code)] as const))}

Each of these packages is bundled with its dependencies. All of them sign users in: compare them with the row of the OpenID
sign-in.

${formatSizes(measureOthers())}

A warm call over a \`fetch\` without a network, whose body is read as text. The difference is what the client adds to each
call.

${formatTable(['One call', 'µs', 'processor µs'], paceRows)}
`,
);
