// Writes every file and section that follows from the code: `pnpm generate`. With `--check` it writes nothing and fails
// where one of them is out of date.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { VendorDefinition } from '@valetkey/core-types';
import { vendors } from '@valetkey/vendor-clients';
import { renderConfigReference } from './generate/config-reference.ts';
import { createConfigSchema } from './generate/config-schema.ts';
import { formatText } from './generate/format-text.ts';
import { replaceSection } from './generate/sections.ts';
import { root } from './workspace.ts';

const isCheck = process.argv.includes('--check');
const definitions: readonly VendorDefinition[] = Object.values(vendors);
const schema = createConfigSchema(definitions);
const read = (file: string) => readFileSync(join(root, file), 'utf8');

/** Each generated file with its content. */
const files: Readonly<Record<string, string>> = {
  'apps/broker/config.schema.json': JSON.stringify(schema.whole),
  'docs/configuration.md': replaceSection(
    read('docs/configuration.md'),
    'reference',
    renderConfigReference(schema, definitions),
  ),
};

const outdated: string[] = [];
for (const [file, content] of Object.entries(files)) {
  const text = formatText(file, content);
  let current = '';
  try {
    current = read(file);
  } catch {
    // The file is new.
  }
  if (current === text) continue;
  outdated.push(file);
  if (!isCheck) writeFileSync(join(root, file), text);
}
const verb = isCheck ? 'out of date' : 'written';
for (const file of outdated) process.stdout.write(`${verb}: ${file}\n`);
process.stdout.write(`generate: ${Object.keys(files).length} files, ${outdated.length} ${verb}\n`);
if (isCheck && outdated.length > 0) {
  process.stderr.write('Run `npx -y pnpm@12.18.0 generate` and commit what it writes.\n');
  process.exitCode = 1;
}
