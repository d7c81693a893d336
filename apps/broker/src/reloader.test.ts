import { expect, test } from 'vitest';
import { createVirtualSchedule } from '../test/support/virtual-schedule.ts';
import type { Config } from './config/config.ts';
import { parseConfig } from './config/parse-config.ts';
import type { ReferenceUse } from './config/references.ts';
import type { RefreshedConfig } from './config/secret-source.ts';
import { startReloader } from './reloader.ts';
import { pollMs } from './watch-files.ts';

const vaultUse: ReferenceUse = {
  kind: 'vault',
  name: 'secret/data/a#b',
  text: '${vault:secret/data/a#b}',
  path: ['a'],
};
const vault = { url: 'https://vault.example.com', auth: { token: 'a-token-of-vault' } };

function loadedWith(fields: object = {}, { uses = [], warnings = [] }: Partial<RefreshedConfig> = {}): RefreshedConfig {
  const config = parseConfig({ issuers: [{ issuer: 'https://id.example.com', audiences: ['api'] }], ...fields });
  return { config, uses, warnings };
}

function createScene(loaded = loadedWith()) {
  const { schedule, advance, pending } = createVirtualSchedule();
  const files = new Map([['/valetkey.yaml', 'one']]);
  const warnings: string[] = [];
  const applied: Config[] = [];
  const scene = {
    loaded,
    /** The error with which the next reads reject. */
    failure: undefined as Error | undefined,
    /** Resolves before a read ends. */
    gate: Promise.resolve(),
    reads: 0,
  };
  let read = new Map(files);
  const reloader = startReloader(loaded, {
    schedule,
    describeFile: async (path) => files.get(path) ?? 'ENOENT',
    onWarning: (warning) => warnings.push(warning),
    source: {
      refresh: async () => {
        scene.reads += 1;
        read = new Map(files);
        await scene.gate;
        if (scene.failure !== undefined) throw scene.failure;
        return scene.loaded;
      },
      files: () => read,
    },
    reload: async (readConfig) => {
      applied.push(await readConfig());
    },
  });
  return { scene, files, warnings, applied, reloader, advance, pending };
}

test('a reloader reads a changed file again and applies what it read', async () => {
  const { scene, files, applied, advance } = createScene();
  scene.loaded = loadedWith({ log: { level: 'debug' } });
  files.set('/valetkey.yaml', 'two');
  await advance(2 * pollMs);
  expect(applied).toEqual([scene.loaded.config]);
  await advance(10 * pollMs);
  expect(scene.reads).toBe(1);
});

test('a reloader continues to watch after a failed reload, and tries again only when a file changes', async () => {
  const { scene, files, applied, advance } = createScene();
  scene.failure = new Error('bad file');
  files.set('/valetkey.yaml', 'bad');
  await advance(10 * pollMs);
  expect({ reads: scene.reads, applied }).toEqual({ reads: 1, applied: [] });
  scene.failure = undefined;
  files.set('/valetkey.yaml', 'good');
  await advance(2 * pollMs);
  expect({ reads: scene.reads, applied: applied.length }).toEqual({ reads: 2, applied: 1 });
});

test('a reloader without a watch reloads only when it is told to', async () => {
  const { scene, files, applied, reloader, advance, pending } = createScene(loadedWith({ reload: { watch: false } }));
  files.set('/valetkey.yaml', 'two');
  await advance(100 * pollMs);
  expect({ reads: scene.reads, pending: pending() }).toEqual({ reads: 0, pending: 0 });
  await reloader.reload();
  expect(applied).toHaveLength(1);
});

test('a reloader begins to watch when a reload turns the watch on', async () => {
  const { scene, files, reloader, advance } = createScene(loadedWith({ reload: { watch: false } }));
  scene.loaded = loadedWith();
  await reloader.reload();
  files.set('/valetkey.yaml', 'two');
  await advance(2 * pollMs);
  expect(scene.reads).toBe(2);
});

test('a reloader reads the values of a secret manager again at the configured pace, also after a failure', async () => {
  const secrets = { vault, refreshSeconds: 60 };
  const { scene, advance } = createScene(loadedWith({ secrets, reload: { watch: false } }, { uses: [vaultUse] }));
  await advance(59_999);
  expect(scene.reads).toBe(0);
  await advance(1);
  expect(scene.reads).toBe(1);
  scene.failure = new Error('Vault is sealed');
  await advance(60_000);
  await advance(60_000);
  expect(scene.reads).toBe(3);
});

test('a reloader does not read again at a pace if no reference names a secret manager', async () => {
  const { scene, advance, pending } = createScene(loadedWith({ secrets: { vault }, reload: { watch: false } }));
  await advance(3_600_000);
  expect({ reads: scene.reads, pending: pending() }).toEqual({ reads: 0, pending: 0 });
});

test('a reloader runs one reload at a time, and one more for all that are asked for meanwhile', async () => {
  const { scene, reloader } = createScene();
  const gate = Promise.withResolvers<void>();
  scene.gate = gate.promise;
  const first = reloader.reload();
  await Promise.resolve();
  const others = [reloader.reload(), reloader.reload(), reloader.reload()];
  expect(scene.reads).toBe(1);
  gate.resolve();
  await Promise.all([first, ...others]);
  expect(scene.reads).toBe(2);
});

test('a reloader reports each warning that the configuration in use did not have', async () => {
  const { scene, warnings, reloader } = createScene(loadedWith({}, { warnings: ['old'] }));
  scene.loaded = loadedWith({}, { warnings: ['old', 'new'] });
  await reloader.reload();
  await reloader.reload();
  expect(warnings).toEqual(['new']);
});

test('a closed reloader waits for the running reload, and begins no other', async () => {
  const { scene, files, reloader, advance, pending } = createScene();
  const gate = Promise.withResolvers<void>();
  scene.gate = gate.promise;
  const running = reloader.reload();
  await Promise.resolve();
  const order: string[] = [];
  const closing = reloader.close().then(() => order.push('closed'));
  void running.then(() => order.push('reloaded'));
  gate.resolve();
  await closing;
  expect(order).toEqual(['reloaded', 'closed']);
  files.set('/valetkey.yaml', 'two');
  await reloader.reload();
  await advance(10 * pollMs);
  expect({ reads: scene.reads, pending: pending() }).toEqual({ reads: 1, pending: 0 });
});
