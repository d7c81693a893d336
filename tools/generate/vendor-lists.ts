import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSync, type Program } from 'oxc-parser';
import { toIdentifier, toTypeName } from './names.ts';

const clients = 'packages/vendor-clients/src/vendors';
const simulations = 'packages/sandbox/src/vendors';

/** Returns the ids of the vendors that have code: the folders of `vendor-clients/src/vendors` with a file of their name. */
export function listVendors(root: string): string[] {
  return listFolders(join(root, clients)).filter((id) => existsSync(join(root, clients, id, `${id}.ts`)));
}

/** Returns the ids of the simulated vendors: the folders of `sandbox/src/vendors`, in alphabetical order. */
export function listSimulations(root: string): string[] {
  return listFolders(join(root, simulations));
}

function listFolders(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .toSorted();
}

export const notice = '// Written by `pnpm generate` from the folders of vendors/.';

/** Returns `packages/vendor-clients/src/registry.ts`. */
export function renderRegistry(ids: readonly string[]): string {
  const imports = ids.map((id) => `import { ${toIdentifier(id)} } from './vendors/${id}/${id}.ts';`);
  const entries = ids.map((id) => (toIdentifier(id) === id ? `${id},` : `'${id}': ${toIdentifier(id)},`));
  return `${notice}
import type { VendorDefinition } from '@valetkey/core-types';
${imports.join('\n')}

/** Every vendor, by its id. */
export const vendors = {
${entries.join('\n')}
} as const satisfies Readonly<Record<string, VendorDefinition>>;
`;
}

/** Returns `packages/sandbox/src/registry.ts`. */
export function renderSimulations(ids: readonly string[]): string {
  const imports = ids.map((id) => `import { ${toIdentifier(id)} } from './vendors/${id}/${id}.ts';`);
  return `${notice}
${imports.join('\n')}

/** The simulated vendors, in alphabetical order. */
export const simulations = [${ids.map(toIdentifier).join(', ')}] as const;
`;
}

/** Returns the exports for `packages/vendor-clients/src/index.ts`: everything that each vendor's main file exports. */
export function renderVendorExports(root: string, ids: readonly string[]): string {
  return ids
    .flatMap((id) => {
      const { values, types } = listExports(parseVendor(root, id));
      const from = `from './vendors/${id}/${id}.ts';`;
      return [
        `export { ${values.toSorted().join(', ')} } ${from}`,
        ...(types.length > 0 ? [`export type { ${types.toSorted().join(', ')} } ${from}`] : []),
      ];
    })
    .join('\n');
}

function parseVendor(root: string, id: string): Program {
  const file = `${clients}/${id}/${id}.ts`;
  return parseSync(file, readFileSync(join(root, file), 'utf8')).program;
}

function listExports(program: Program): { values: string[]; types: string[] } {
  const values: string[] = [];
  const types: string[] = [];
  for (const node of program.body) {
    if (node.type !== 'ExportNamedDeclaration' || node.declaration === null) continue;
    const { declaration } = node;
    if (declaration.type === 'VariableDeclaration') {
      for (const { id } of declaration.declarations) if (id.type === 'Identifier') values.push(id.name);
    } else if (declaration.type === 'FunctionDeclaration') {
      if (declaration.id !== null) values.push(declaration.id.name);
    } else if (declaration.type === 'TSInterfaceDeclaration' || declaration.type === 'TSTypeAliasDeclaration') {
      types.push(declaration.id.name);
    }
  }
  return { values, types };
}

/** Returns the table of the clients and their own methods, for the README of vendor-clients. */
export function renderClientTable(root: string, titles: ReadonlyMap<string, string>): string {
  const rows = [...titles].map(([id, title]) => {
    const methods = listMethods(parseVendor(root, id), `${toTypeName(id)}Client`);
    return `| ${title} | \`create${toTypeName(id)}Client\` | ${methods.map((name) => `\`${name}\``).join(', ')} |`;
  });
  return ['| vendor | client | methods |', '| --- | --- | --- |', ...rows].join('\n');
}

function listMethods(program: Program, interfaceName: string): string[] {
  for (const node of program.body) {
    if (node.type !== 'ExportNamedDeclaration' || node.declaration?.type !== 'TSInterfaceDeclaration') continue;
    if (node.declaration.id.name !== interfaceName) continue;
    return node.declaration.body.body.flatMap((member) =>
      (member.type === 'TSPropertySignature' || member.type === 'TSMethodSignature') && member.key.type === 'Identifier'
        ? [member.key.name]
        : [],
    );
  }
  return [];
}

/**
 * Returns the table of the vendors that are code. The last two cells of a row come from the vendor's page, to which `folder`
 * leads.
 */
export function renderVendorTable(root: string, titles: ReadonlyMap<string, string>, folder: string): string {
  const rows = [...titles].map(([id, title]) => `| [${title}](${folder}${id}.md) | ${readSummary(root, id)} |`);
  const head = '| vendor | what the app gets | what the broker keeps |';
  return [head, '| --- | --- | --- |', ...rows].join('\n');
}

/** Reads the first row of the first table of a vendor's page. */
function readSummary(root: string, id: string): string {
  const page = `docs/vendors/${id}.md`;
  if (!existsSync(join(root, page))) throw new Error(`${page} is missing.`);
  const [, row] =
    /^\| what the app gets +\| what the broker keeps +\|\n\|[ -|]+\|\n\| (.+) \|$/m.exec(
      readFileSync(join(root, page), 'utf8'),
    ) ?? [];
  if (row === undefined) throw new Error(`${page} has no table "what the app gets", "what the broker keeps".`);
  return row
    .split('|')
    .map((cell) => cell.trim())
    .join(' | ');
}
