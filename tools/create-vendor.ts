// Creates a vendor that passes every check: `pnpm create:vendor acme --title "Acme Pay"`. It writes the two folders, the
// page and the changeset, and then runs `generate` to add the vendor to every list.
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

const usage = 'give an id and, if you like, a title: acme-pay --title "Acme Pay"';

function readArguments() {
  try {
    return parseArgs({ allowPositionals: true, options: { title: { type: 'string' } } });
  } catch {
    return fail(usage);
  }
}

const { values, positionals } = readArguments();
const [id, ...others] = positionals;
if (id === undefined || others.length > 0) fail(usage);
if (!idPattern.test(id)) fail('the id must be lower-case words with hyphens, such as acme-pay');
const title = values.title ?? toTypeName(id);
if (!titlePattern.test(title)) fail('each word of the title must begin with a capital: "Acme Pay"');

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
  1. Write the vendor's documented facts into docs/vendors/${id}.md,
     each with its source.
  2. Change the simulation so that it responds as documented. Then change the
     client so that it calls the simulation.
  3. npx -y pnpm@12.18.0 test packages/vendor-clients packages/sandbox
`);
