import type { Problem, Repository, SourcePackage } from './repository.ts';
import { resolveImport } from './source-file.ts';

type Graph = ReadonlyMap<string, readonly string[]>;

/** No file reaches itself through the imports of its package. Type imports count; tests may import anything. */
export function checkFileCircles({ packages }: Repository): Problem[] {
  return packages.flatMap((entry) =>
    findCircles(importGraph(entry)).map((circle) => ({
      place: circle[0] ?? entry.folder,
      problem: `imports itself in a circle: ${circle.map((path) => shorten(entry, path)).join(' > ')}`,
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

/** Returns circles that share no file, each the shortest through its first file, which stands at both ends. */
export function findCircles(graph: Graph): string[][] {
  const circles: string[][] = [];
  const reported = new Set<string>();
  for (const start of graph.keys()) {
    if (reported.has(start)) continue;
    const circle = findShortestCircle(graph, start);
    if (circle === undefined || circle.some((path) => reported.has(path))) continue;
    circles.push(circle);
    for (const path of circle) reported.add(path);
  }
  return circles;
}

function findShortestCircle(graph: Graph, start: string): string[] | undefined {
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
