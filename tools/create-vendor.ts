// Creates a working vendor: `pnpm create:vendor acme --title "Acme Pay"`. Writes its client, its simulation, its page and its
// changeset, then everything that is generated from the lists of vendors.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { renderVendorFiles } from './create-vendor/templates.ts';
import { formatText } from './generate/format-text.ts';
import { toTypeName } from './generate/names.ts';
import { root } from './workspace.ts';

const idPattern = /^[a-z][a-z0-9]*(-[a-z0-9]+)*$/;
const titlePattern = /^[A-Z][A-Za-z0-9]*( [A-Z][A-Za-z0-9]*)*$/;

function fail(message: string): never {
  process.stderr.write(`create:vendor: ${message}\n`);
  process.exit(1);
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { title: { type: 'string' } } });
const [id, ...others] = positionals;
if (id === undefined || others.length > 0) fail('give one id, such as `pnpm create:vendor acme`');
if (!idPattern.test(id)) fail(`the id must be lower-case words joined by hyphens, such as acme-pay`);
const title = values.title ?? toTypeName(id);
if (!titlePattern.test(title)) fail('the title must be words that each begin with a capital, such as "Acme Pay"');

const files = renderVendorFiles({ id, title });
for (const file of Object.keys(files)) if (existsSync(join(root, file))) fail(`${file} exists already`);
for (const [file, content] of Object.entries(files)) {
  mkdirSync(dirname(join(root, file)), { recursive: true });
  writeFileSync(join(root, file), formatText(file, content));
}
const node = ['--conditions=@valetkey/source', join(root, 'tools/generate.ts')];
execFileSync(process.execPath, node, { cwd: root, stdio: 'inherit' });

process.stdout.write(`
Created ${title} (${id}):
${Object.keys(files)
  .map((file) => `  ${file}`)
  .join('\n')}

Next:
  1. Write down what the vendor documents in docs/vendors/${id}.md, each statement with its source.
  2. Let the simulation respond as documented, then the client call it.
  3. npx -y pnpm@12.18.0 test packages/vendor-clients packages/sandbox
`);
