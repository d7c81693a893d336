import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

// Vitest would load these modules itself, so a process of Node reads them.
const script = `
  const { readConfigFile } = await import(${JSON.stringify(new URL('config-file.ts', import.meta.url).href)});
  const results = {};
  for (const name of process.argv.slice(1)) {
    results[name] = await readConfigFile(name).catch((error) => error.problems[0]);
  }
  console.log(JSON.stringify(results));
`;

const types = 'interface Listen { port: number }\nconst listen: Listen = { port: 1 };\n';
const plain = 'const listen = { port: 1 };\n';

const files = {
  'part.ts': `${types}export { listen };`,
  'part.js': `${plain}export { listen };`,
  'common.cts': `${types}module.exports = { listen };`,
  'common.cjs': `${plain}module.exports = { listen };`,
  ...Object.fromEntries(
    ['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs'].flatMap((extension) => {
      const isTypeScript = extension.endsWith('ts');
      const [part, common] = isTypeScript ? ['./part.ts', './common.cts'] : ['./part.js', './common.cjs'];
      return [
        [`module${extension}`, `import { listen } from '${part}';\nexport default { listen };`],
        [`require${extension}`, `const { listen } = require('${common}');\nmodule.exports = { listen };`],
        [`broken${extension}`, 'export default {\n  listen: canary-1b7e;\n};'],
      ];
    }),
  ),
};

describe.each([
  ['the type commonjs', 'commonjs'],
  ['the type module', 'module'],
  ['no type', undefined],
])('in a folder whose package.json has %s', (_name, type) => {
  let folder: string;
  let results: Readonly<Record<string, unknown>>;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
    await writeFile(join(folder, 'package.json'), JSON.stringify({ name: 'my-broker', type }));
    for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
    const nodeArguments = ['--conditions=@valetkey/source', '--input-type=module', '--eval', script];
    const options = { cwd: folder, env: { PATH: process.env['PATH'] } };
    const { stdout } = await promisify(execFile)(process.execPath, [...nodeArguments, ...Object.keys(files)], options);
    results = JSON.parse(stdout) as typeof results;
  });
  afterAll(() => rm(folder, { recursive: true }));

  test.each(['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs'])(
    'readConfigFile reads an ES module with the extension %s, which imports another module',
    (extension) => {
      expect(results[`module${extension}`]).toEqual({ listen: { port: 1 } });
    },
  );

  test.each(type === 'module' ? ['.cts', '.cjs'] : ['.ts', '.cts', '.js', '.cjs'])(
    'readConfigFile reads CommonJS with the extension %s, which requires another module',
    (extension) => {
      expect(results[`require${extension}`]).toEqual({ listen: { port: 1 } });
    },
  );

  test.each(type === 'module' ? ['.ts', '.mts', '.js', '.mjs'] : ['.mts', '.mjs'])(
    'readConfigFile says why CommonJS with the extension %s cannot be read',
    (extension) => {
      expect(results[`require${extension}`]).toBe(
        `require${extension}: is an ES module, but uses \`require\` or \`module.exports\`; write \`import\` and ` +
          '`export default { ... }`, or give the file the extension .cjs or .cts',
      );
    },
  );

  test.each(['.ts', '.mts', '.cts', '.js', '.mjs', '.cjs'])(
    'readConfigFile rejects a wrong module with the extension %s without quoting its text',
    (extension) => {
      expect(results[`broken${extension}`]).toMatch(
        /^broken\.\w+: cannot be read(?: at line \d)? \((?:SyntaxError|ERR_\w+)\)$/,
      );
    },
  );
});

const watchScript = `
  const { readConfigFile } = await import(${JSON.stringify(new URL('config-file.ts', import.meta.url).href)});
  const { findChangedModules, listModules } = await import(${JSON.stringify(new URL('import-module.ts', import.meta.url).href)});
  const { mkdir, rename, rm, symlink, writeFile } = await import('node:fs/promises');
  const [folder] = process.argv.slice(1);
  const mount = async (name, part) => {
    await mkdir(folder + '/' + name);
    await writeFile(folder + '/' + name + '/part.ts', part);
    await writeFile(folder + '/' + name + '/valetkey.config.ts', "import { port } from './part.ts'; export default { port };");
    await symlink(name, folder + '/next');
    await rename(folder + '/next', folder + '/..data');
  };
  await mount('..one', 'export const port: number = 1;');
  for (const name of ['part.ts', 'valetkey.config.ts']) await symlink('..data/' + name, folder + '/' + name);
  await readConfigFile(folder + '/valetkey.config.ts');
  const results = [listModules(), await findChangedModules()];
  await mount('..two', 'export const port: number = 1;');
  await rm(folder + '/..one', { recursive: true });
  results.push(await findChangedModules());
  await mount('..three', 'export const port: number = 3;');
  results.push(await findChangedModules());
  await rm(folder + '/valetkey.config.ts');
  results.push(await findChangedModules());
  console.log(JSON.stringify(results));
`;

test('a module has changed if its text has, or if it is gone, and not if Kubernetes has replaced its folder', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'valetkey-'));
  try {
    const node = ['--conditions=@valetkey/source', '--input-type=module', '--eval', watchScript, folder];
    const { stdout } = await promisify(execFile)(process.execPath, node);
    const [part, config] = [join(folder, 'part.ts'), join(folder, 'valetkey.config.ts')];
    const [modules, ...changes] = JSON.parse(stdout) as string[][];
    expect(modules?.toSorted()).toEqual([part, config]);
    expect(changes.map((paths) => paths.toSorted())).toEqual([[], [], [part], [part, config]]);
  } finally {
    await rm(folder, { recursive: true });
  }
});
