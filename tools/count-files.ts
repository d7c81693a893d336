// Counts the source files whose code one request runs: `npx -y pnpm@12.18.0 count:files`.
// A file counts if at least one of its functions ran for every repetition of the request; work that the broker does in the
// background, such as fetching keys, is not part of a request. The sandbox, which simulates the vendor in this process,
// does not count. `--json` prints the lists as JSON.
import { Session } from 'node:inspector/promises';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { startDev } from '@valetkey/broker';
import { root } from './workspace.ts';

/** The paths of the files that ran, relative to the root folder. */
export interface FileCounts {
  readonly newCallerToken: readonly string[];
  readonly sameCallerToken: readonly string[];
}

const counted = /^(packages\/(?!sandbox\/)[^/]+|apps\/broker)\/src\//;

const rounds = 5;

/** Returns the paths that are in every list. */
const keepCommon = ([first = [], ...others]: readonly string[][]) =>
  first.filter((path) => others.every((list) => list.includes(path)));

async function countFiles(): Promise<FileCounts> {
  const session = new Session();
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: false });
  const dev = await startDev({ port: 0, adminPort: 0, sandboxPort: 0, dataFolder: ':memory:' });

  /** Returns the files with a function that ran since the last call. */
  async function takeFiles(): Promise<string[]> {
    const { result } = await session.post('Profiler.takePreciseCoverage');
    return result
      .filter(({ functions }) => functions.some(({ ranges }) => (ranges[0]?.count ?? 0) > 0))
      .filter(({ url }) => url.startsWith('file:'))
      .map(({ url }) => relative(root, fileURLToPath(url)).replaceAll('\\', '/'))
      .filter((path) => counted.test(path))
      .toSorted();
  }

  async function post(url: string, headers: Readonly<Record<string, string>>, body: object) {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${new URL(url).pathname} responded ${response.status}.`);
    return (await response.json()) as Readonly<Record<string, unknown>>;
  }
  const signIn = async () =>
    String((await post(`${dev.sandboxUrl}/idp/dev-token`, {}, { sub: 'alice' }))['access_token']);
  const issueVitalToken = async (callerToken: string) => {
    await post(`${dev.brokerUrl}/v1/vendors/vital/token`, { authorization: `Bearer ${callerToken}` }, {});
    return takeFiles();
  };

  try {
    // The first request creates the user, fetches the keys and opens the connections.
    await issueVitalToken(await signIn());
    const newCallerToken: string[][] = [];
    const sameCallerToken: string[][] = [];
    for (let round = 0; round < rounds; round += 1) {
      const callerToken = await signIn();
      await takeFiles();
      newCallerToken.push(await issueVitalToken(callerToken));
      sameCallerToken.push(await issueVitalToken(callerToken));
    }
    return { newCallerToken: keepCommon(newCallerToken), sameCallerToken: keepCommon(sameCallerToken) };
  } finally {
    await dev.close();
    session.disconnect();
  }
}

function describeFiles(title: string, files: readonly string[]): string {
  const packages = Map.groupBy(files, (path) => path.split('/', 2).join('/'));
  const counts = [...packages].map(([name, own]) => `  ${name}: ${own.length}`);
  return [`${title}: ${files.length} files`, ...counts, ...files.map((path) => `    ${path}`), ''].join('\n');
}

const counts = await countFiles();
const text = process.argv.includes('--json')
  ? JSON.stringify(counts)
  : [
      describeFiles('A Vital token for a caller token that the broker has not seen', counts.newCallerToken),
      describeFiles('The same caller token again', counts.sameCallerToken),
    ].join('\n');
process.stdout.write(`${text}\n`);
