import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Problem, Repository, SourcePackage } from './repository.ts';
import { resolveImport, type SourceFile } from './source-file.ts';

/** Reports each vendor that is missing in the registry, the catalog, the exports or `docs/vendors`, which no type checks. */
export function checkVendorRegistry({ root, packages }: Repository): Problem[] {
  const entry = packages.find(({ name }) => name === 'vendor-clients');
  if (entry === undefined) return [];
  const { folder } = entry;
  const source = (name: string) => entry.files.find(({ path }) => path === `${folder}/src/${name}`);
  const registry = source('registry.ts') ?? source('vendors/registry.ts');
  const index = source('index.ts');
  if (registry === undefined || index === undefined) {
    return [{ place: folder, problem: 'has no registry.ts or no index.ts' }];
  }

  const registered = listImportedVendors(entry, registry);
  const catalog = source('catalog.ts');
  const listed = new Set(catalog?.imports.map(({ specifier }) => resolveImport(catalog.path, specifier)));
  const exported = listExportedNames(index);
  return listVendors(root, entry).flatMap(({ id, place, files }) => {
    const recipes = files.filter(({ path }) => path.endsWith('.recipe.ts'));
    const problems: Problem[] = recipes
      .filter(({ path }) => !listed.has(path))
      .map(({ path }) => ({ place: path, problem: 'is not imported by catalog.ts' }));
    // A folder of recipes, with what they share, is data: it has no client to register or export.
    const isData = files.every(({ path }) => /\.recipe(?:-parts)?\.ts$/.test(path));
    if (isData) return [...problems, ...checkVendorPage(root, id, place, files, true)];
    if (!registered.has(id)) problems.push({ place, problem: `is not imported by ${basename(registry.path)}` });
    for (const name of namesOf(id)) {
      if (!exported.has(name))
        problems.push({ place: index.path, problem: `does not export ${name} of vendors/${id}` });
    }
    return [...problems, ...checkVendorPage(root, id, place, files)];
  });
}

interface VendorSource {
  readonly id: string;
  /** The vendor's file or folder. */
  readonly place: string;
  readonly files: readonly SourceFile[];
}

/** A vendor is the folder `src/vendors/<id>/` or the single file `src/vendors/<id>.ts`. */
function listVendors(root: string, { folder, files }: SourcePackage): VendorSource[] {
  const vendors = `${folder}/src/vendors`;
  return readdirSync(join(root, vendors), { withFileTypes: true }).flatMap((found) => {
    const place = `${vendors}/${found.name}`;
    if (found.isDirectory()) {
      const own = files.filter(({ path, isTest }) => path.startsWith(`${place}/`) && !isTest);
      return own.length === 0 ? [] : [{ id: found.name, place, files: own }];
    }
    const own = files.filter(({ path, isTest }) => path === place && !isTest);
    return own.length === 0 || found.name === 'registry.ts' ? [] : [{ id: basename(place, '.ts'), place, files: own }];
  });
}

function listImportedVendors({ folder }: SourcePackage, { path, imports }: SourceFile): ReadonlySet<string> {
  const vendors = `${folder}/src/vendors/`;
  const targets = imports.map(({ specifier }) => resolveImport(path, specifier) ?? '');
  const insideVendors = targets.filter((target) => target.startsWith(vendors));
  return new Set(insideVendors.map((target) => target.slice(vendors.length).replace(/(\/.*|\.ts)$/, '')));
}

/** `acme-rooms` is exported as `acmeRooms` and `createAcmeRoomsClient`. */
function namesOf(id: string): string[] {
  const definition = id.replaceAll(/-([a-z0-9])/g, (_, first: string) => first.toUpperCase());
  return [definition, `create${definition.charAt(0).toUpperCase()}${definition.slice(1)}Client`];
}

function listExportedNames({ program }: SourceFile): ReadonlySet<string> {
  const names = new Set<string>();
  for (const node of program.body) {
    if (node.type !== 'ExportNamedDeclaration') continue;
    for (const { exported } of node.specifiers) {
      if (exported.type === 'Identifier') names.add(exported.name);
    }
  }
  return names;
}

function checkVendorPage(
  root: string,
  id: string,
  place: string,
  files: readonly SourceFile[],
  isData = false,
): Problem[] {
  const page = `docs/vendors/${id}.md`;
  if (!existsSync(join(root, page))) return [{ place: page, problem: 'is missing' }];
  const titles = files.flatMap(({ source }) => /\btitle: '([^']+)'/.exec(source)?.[1] ?? []);
  const heading = /^# (.*)$/m.exec(readFileSync(join(root, page), 'utf8'))?.[1] ?? '';
  const [title] = titles;
  if (title === undefined) return [{ place, problem: "does not declare its title as `title: '…'`" }];
  // The titles of a vendor's recipes begin with its name: `Acme (guest token)`.
  const names = isData ? titles.map((each) => each.split(' ', 1)[0] ?? each) : titles;
  if (!names.some((each) => heading.includes(each))) {
    return [{ place: page, problem: `does not name ${title} in its first heading` }];
  }
  return [];
}
