// Writes every file and section that follows from the code: `pnpm generate`. With `--check` it writes nothing, and fails
// if a file is out of date.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { VendorDefinition } from '@valetkey/core-types';
import { renderClientManifest } from './client-sdk/entries.ts';
import { listRecipes, renderCatalog } from './generate/catalog.ts';
import { renderConfigReference } from './generate/config-reference.ts';
import { formatText } from './generate/format-text.ts';
import { renderProxyHeaders } from './generate/proxy-headers.ts';
import { renderRoomMap } from './generate/room-map.ts';
import { renderIssuers, renderServices, renderSimulationOptions } from './generate/sandbox-tables.ts';
import { readSection, replaceSection } from './generate/sections.ts';
import {
  listSimulations,
  listVendors,
  renderClientTable,
  renderRegistry,
  renderSimulations,
  renderVendorExports,
  renderVendorTable,
} from './generate/vendor-lists.ts';
import { renderRecipeSentence, renderRecipeTable } from './generate/vendor-proofs.ts';
import { roomPlans } from './rooms.ts';
import { listPackages, root } from './workspace.ts';

const isCheck = process.argv.includes('--check');
const outdated: string[] = [];
let count = 0;

function read(file: string): string {
  return existsSync(join(root, file)) ? readFileSync(join(root, file), 'utf8') : '';
}

/** Replaces a file, or the named sections of a file. */
function generate(file: string, content: string | Readonly<Record<string, string>>): void {
  count += 1;
  const current = read(file);
  const next =
    typeof content === 'string'
      ? content
      : Object.entries(content).reduce((text, [name, section]) => replaceSection(text, name, section), current);
  const formatted = formatText(file, next);
  if (formatted === current) return;
  outdated.push(file);
  if (!isCheck) writeFileSync(join(root, file), formatted);
}

// The lists of vendors come first, because what is imported below imports these lists.
const vendorIds = listVendors(root);
generate('packages/vendor-clients/src/registry.ts', renderRegistry(vendorIds));
const recipeFiles = listRecipes(root);
generate('packages/vendor-clients/src/catalog.ts', renderCatalog(recipeFiles));
generate('packages/vendor-clients/src/index.ts', { vendors: renderVendorExports(root, vendorIds) });
generate('packages/sandbox/src/registry.ts', renderSimulations(listSimulations(root)));

const { findRecipe, proxyRequestHeaders, proxyResponseHeaders, vendors } = await import('@valetkey/vendor-clients');
const { createRecipeJsonSchema } = await import('@valetkey/vendor-clients/recipe');
const { createConfigSchema } = await import('./generate/config-schema.ts');
const { simulations } = await import('@valetkey/sandbox');
const { idp } = await import('../packages/sandbox/src/identity/idp.ts');
const definitions: readonly VendorDefinition[] = Object.values(vendors);
const titles = new Map(definitions.map(({ id, title }) => [id, title]));
const recipes = recipeFiles.flatMap(({ id }) => findRecipe(id) ?? []);
const placed = recipeFiles.flatMap((file) => {
  const recipe = findRecipe(file.id)?.recipe;
  return recipe === undefined ? [] : [{ ...file, recipe }];
});
const schema = createConfigSchema([...definitions, ...recipes]);
const simulated = [...simulations, idp];

generate('apps/client-sdk/README.md', { page: readSection(read('README.md'), 'page') });
generate('apps/client-sdk/package.json', renderClientManifest(read('apps/client-sdk/package.json')));
generate('apps/broker/config.schema.json', JSON.stringify(schema.whole));
generate('packages/vendor-clients/recipe.schema.json', JSON.stringify(createRecipeJsonSchema()));
generate('docs/configuration.md', { reference: renderConfigReference(schema, definitions, recipes) });
generate('docs/http.md', { 'proxy-headers': renderProxyHeaders(proxyRequestHeaders, proxyResponseHeaders) });
generate('README.md', {
  vendors: renderVendorTable(root, titles, 'docs/vendors/'),
  recipes: renderRecipeSentence(placed),
});
generate('docs/vendors/README.md', {
  recipes: renderRecipeTable(root, placed),
  adapters: renderVendorTable(root, titles, ''),
});
generate('AGENTS.md', { rooms: renderRoomMap(listPackages(), roomPlans) });
generate('packages/vendor-clients/README.md', { clients: renderClientTable(root, titles) });
generate('packages/sandbox/README.md', {
  services: renderServices(simulated),
  options: renderSimulationOptions(simulations),
  issuers: renderIssuers(simulated),
});

const verb = isCheck ? 'out of date' : 'written';
for (const file of outdated) process.stdout.write(`${verb}: ${file}\n`);
process.stdout.write(`generate: ${count} files, ${outdated.length} ${verb}\n`);
if (isCheck && outdated.length > 0) {
  process.stderr.write('Run `npx -y pnpm@12.18.0 generate` and commit what it writes.\n');
  process.exitCode = 1;
}
