import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { checkFunction, loaders } from './check-program.ts';
import { findProgram, issueResponse, type Project } from './project.ts';

/** The packages from which React Native makes the globals that its JavaScript engine lacks. */
const polyfills = ['whatwg-fetch', 'abort-controller', 'event-target-shim'];

/** Hermes's shell has no network: this `XMLHttpRequest`, on which React Native's `fetch` is built, is the broker. */
const brokerRequest = `class BrokerRequest {
  open() { this.readyState = 1; }
  setRequestHeader() {}
  getAllResponseHeaders() { return 'valet-key: broker\\r\\ncontent-type: application/json\\r\\n'; }
  abort() {}
  send() {
    this.status = 200;
    this.readyState = 4;
    this.response = this.responseText = ${JSON.stringify(JSON.stringify(issueResponse))};
    this.responseURL = 'https://broker.example/v1/vendors/nudge/token';
    setTimeout(() => this.onload(), 0);
  }
}
`;

/** Hermes's shell runs each timer at once. These timers run in the order of their delays, on a virtual clock. */
const timers = `const timers = new Map();
const runSoon = globalThis.setTimeout;
let nowMs = 0;
let lastId = 0;
function runNext() {
  const [first] = [...timers].sort(([, left], [, right]) => left.dueAtMs - right.dueAtMs);
  if (first === undefined) return;
  timers.delete(first[0]);
  nowMs = first[1].dueAtMs;
  first[1].task();
}
globalThis.setTimeout = (task, delayMs = 0) => {
  lastId += 1;
  timers.set(lastId, { task, dueAtMs: nowMs + delayMs });
  runSoon(runNext);
  return lastId;
};
globalThis.clearTimeout = (id) => timers.delete(id);
`;

/** The globals that React Native installs before the app runs (`Libraries/Core/InitializeCore.js`). */
const globals = `${timers}${brokerRequest}globalThis.XMLHttpRequest = BrokerRequest;
globalThis.self = globalThis;
const { fetch, Headers, Request, Response } = require('whatwg-fetch');
const { AbortController, AbortSignal } = require('abort-controller/dist/abort-controller');
Object.assign(globalThis, { fetch, Headers, Request, Response, AbortController, AbortSignal });
`;

/** The check, after the globals of React Native. */
export const checkEntry = `require('./react-native-globals.js');
${loaders.core}${checkFunction}
check('https://broker.example').then((result) => print(result), (error) => print(String(error && error.stack)));`;

/** Bundles an entry with a version of Metro, as a React Native app. Returns the path of the bundle. */
export async function bundleWithMetro(project: Project, version: '0.81' | '0.83', entry: string): Promise<string> {
  const folder = `metro-${version}`;
  const metro = findProgram(folder);
  const runtime = realpathSync(findProgram('metro-runtime', folder));
  project.copy(...polyfills, '@react-native/js-polyfills');
  project.write('react-native-globals.js', globals);
  project.write(`${folder}-entry.js`, entry);
  project.write(
    'babel.config.js',
    `module.exports = { presets: [[${JSON.stringify(findProgram('@react-native/babel-preset'))},
    { unstable_transformProfile: 'hermes-stable', enableBabelRuntime: false }]] };`,
  );
  const program = project.write(
    `${folder}-build.cjs`,
    `const Metro = require(${JSON.stringify(metro)});
Metro.loadConfig({ cwd: __dirname }, {
  projectRoot: __dirname,
  watchFolders: [${JSON.stringify(runtime)}],
  maxWorkers: 1,
  resetCache: true,
  cacheStores: [],
  reporter: { update() {} },
  resolver: { useWatchman: false, extraNodeModules: { 'metro-runtime': ${JSON.stringify(runtime)} } },
  serializer: { getPolyfills: () => require('@react-native/js-polyfills')() },
}).then((config) => Metro.runBuild(config, {
  entry: '${folder}-entry.js', out: '${folder}-bundle.js', dev: false, minify: false, platform: 'android',
})).then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });`,
  );
  await project.run(process.execPath, program);
  return join(project.folder, `${folder}-bundle.js`);
}

/** Returns the path of the program that runs a bundle in Hermes, React Native's JavaScript engine. */
export function hermesShell(): string {
  return join(findProgram('hermes-engine-cli'), process.platform === 'darwin' ? 'osx-bin' : 'linux64-bin', 'hermes');
}
