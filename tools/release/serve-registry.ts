// Runs Verdaccio in a process of its own: `node serve-registry.ts FOLDER UPSTREAM_URL`. It keeps our own packages in FOLDER, and
// gets every other package from the registry at UPSTREAM_URL. Once it listens, it sends its address to its parent.
import type { Server } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

const [folder = '', upstreamUrl = ''] = process.argv.slice(2);

const config = {
  configPath: join(folder, 'config.yaml'),
  storage: join(folder, 'packages'),
  auth: { htpasswd: { file: join(folder, 'htpasswd') } },
  uplinks: { upstream: { url: upstreamUrl, timeout: '60s', max_fails: 5 } },
  packages: {
    '@valetkey/*': { access: '$all', publish: '$authenticated' },
    '**': { access: '$all', proxy: 'upstream' },
  },
  max_body_size: '50mb',
  log: { type: 'stderr', format: 'pretty', level: 'error' },
};

// The types of Verdaccio are not in the workspace, because it is not.
const { runServer } = createRequire(import.meta.url)('verdaccio') as { runServer: (config: object) => Promise<Server> };
const server = await runServer(config);
server.listen(0, '127.0.0.1', () => {
  process.send?.(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
});
process.once('disconnect', () => process.exit());
