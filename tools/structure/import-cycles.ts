import type { Problem, Repository, SourcePackage } from './repository.ts';
import { resolveImport } from './source-file.ts';

type Graph = ReadonlyMap<string, readonly string[]>;

/** Reports import cycles inside a package. Type imports count; tests may import anything. */
export function checkImportCycles({ packages }: Repository): Problem[] {
  return packages.flatMap((entry) =>
    findCycles(importGraph(entry)).map((cycle) => ({
      place: cycle[0] ?? entry.folder,
      problem: `is in an import cycle: ${cycle.map((path) => shorten(entry, path)).join(' > ')}`,
    })),
  );
}

const shorten = ({ folder }: SourcePackage, path: string) => path.slice(`${folder}/src/`.length);

function importGraph({ files }: SourcePackage): Graph {
  const importers = files.filter(({ isTest }) => !isTest);
  const paths = new Set(importers.map(({ path }) => path));
  return new Map(
    importers.map(({ path, imports }) => [
      path,
      imports.flatMap(({ specifier }) => {
        const target = resolveImport(path, specifier);
        return target !== undefined && paths.has(target) ? [target] : [];
      }),
    ]),
  );
}

/** Returns cycles that have no file in common. Each is a shortest cycle through its first file, which is also its last. */
export function findCycles(graph: Graph): string[][] {
  const cycles: string[][] = [];
  const reported = new Set<string>();
  for (const start of graph.keys()) {
    if (reported.has(start)) continue;
    const cycle = findShortestCycle(graph, start);
    if (cycle === undefined || cycle.some((path) => reported.has(path))) continue;
    cycles.push(cycle);
    for (const path of cycle) reported.add(path);
  }
  return cycles;
}

function findShortestCycle(graph: Graph, start: string): string[] | undefined {
  const importerOf = new Map<string, string>();
  const queue = [start];
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    for (const target of graph.get(path) ?? []) {
      if (target === start) return [...pathFromStart(importerOf, path), start];
      if (importerOf.has(target)) continue;
      importerOf.set(target, path);
      queue.push(target);
    }
  }
  return undefined;
}

function pathFromStart(importerOf: ReadonlyMap<string, string>, end: string): string[] {
  const importer = importerOf.get(end);
  return importer === undefined ? [end] : [...pathFromStart(importerOf, importer), end];
}
