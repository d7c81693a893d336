import { readFileSync } from 'node:fs';
import { join } from 'node:path/posix';
import { parseSync, type Comment, type Node, type Program } from 'oxc-parser';

/** One `import`, re-export, dynamic import or `import('…')` type of a file. */
export interface Import {
  /** The text between the quotes. */
  readonly specifier: string;
  /** The import disappears when the types are removed. */
  readonly typeOnly: boolean;
  /** The import is an `import('…')` expression. */
  readonly dynamic: boolean;
}

/** One parsed source file. */
export interface SourceFile {
  /** Relative to the root folder: `packages/core-types/src/errors.ts`. */
  readonly path: string;
  readonly source: string;
  readonly program: Program;
  readonly imports: readonly Import[];
  /** For each line, whether it holds code: not a blank line and not only a comment. */
  readonly holdsCode: readonly boolean[];
  readonly isTest: boolean;
  readonly isParsable: boolean;
}

const testFile = /\.(test|test-d|soak)\.tsx?$|\/(testing|__fixtures__)\//;

/** Reads and parses the file `path` of the repository in the folder `root`. */
export function readSourceFile(root: string, path: string): SourceFile {
  return parseSourceFile(path, readFileSync(`${root}/${path}`, 'utf8'));
}

export function parseSourceFile(path: string, source: string): SourceFile {
  const { program, comments, errors } = parseSync(path, source);
  return {
    path,
    source,
    program,
    imports: listImports(program),
    holdsCode: findCodeLines(source, comments),
    isTest: testFile.test(path),
    isParsable: errors.length === 0,
  };
}

/** Calls `visit` with every node below `node` and the node that holds it. */
export function walk(node: Node, visit: (node: Node, parent: Node | undefined) => void, parent?: Node): void {
  visit(node, parent);
  for (const value of Object.values(node) as unknown[]) {
    for (const child of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (isNode(child)) walk(child, visit, node);
    }
  }
}

const isNode = (value: unknown): value is Node =>
  typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string';

function listImports(program: Program): Import[] {
  const imports: Import[] = [];
  walk(program, (node) => {
    const found = readImport(node);
    if (found !== undefined) imports.push(found);
  });
  return imports;
}

function readImport(node: Node): Import | undefined {
  switch (node.type) {
    case 'ImportDeclaration': {
      const kinds = node.specifiers.map((entry) => ('importKind' in entry ? entry.importKind : 'value'));
      return { specifier: node.source.value, typeOnly: isTypeOnly(node.importKind, kinds), dynamic: false };
    }
    case 'ExportNamedDeclaration': {
      if (node.source === null) return undefined;
      const kinds = node.specifiers.map(({ exportKind }) => exportKind);
      return { specifier: node.source.value, typeOnly: isTypeOnly(node.exportKind, kinds), dynamic: false };
    }
    case 'ExportAllDeclaration':
      return { specifier: node.source.value, typeOnly: node.exportKind === 'type', dynamic: false };
    case 'TSImportType':
      return { specifier: node.source.value, typeOnly: true, dynamic: false };
    case 'ImportExpression': {
      const specifier = readLiteral(node.source);
      return specifier === undefined ? undefined : { specifier, typeOnly: false, dynamic: true };
    }
    default:
      return undefined;
  }
}

const isTypeOnly = (kind: string | undefined, kinds: readonly (string | undefined)[]) =>
  kind === 'type' || (kinds.length > 0 && kinds.every((each) => each === 'type'));

/** Returns the text of a string or of a template without variables; a computed specifier has none. */
function readLiteral(node: Node): string | undefined {
  if (node.type === 'Literal' && typeof node.value === 'string') return node.value;
  if (node.type === 'TemplateLiteral' && node.expressions.length === 0)
    return node.quasis[0]?.value.cooked ?? undefined;
  return undefined;
}

function findCodeLines(source: string, comments: readonly Comment[]): boolean[] {
  let code = source;
  for (const { start, end } of comments) {
    const blank = source.slice(start, end).replaceAll(/[^\n]/g, ' ');
    code = code.slice(0, start) + blank + code.slice(end);
  }
  return code.split('\n').map((line) => line.trim() !== '');
}

/** Returns the number of lines with code from the character `start` up to the character `end`. */
export function countCodeLines({ source, holdsCode }: SourceFile, start = 0, end = source.length): number {
  const firstLine = source.slice(0, start).split('\n').length - 1;
  const lastLine = source.slice(0, end).split('\n').length;
  return holdsCode.slice(firstLine, lastLine).filter(Boolean).length;
}

/** Returns the path, relative to the root folder, that a relative import leads to, or `undefined` for a package. */
export function resolveImport(importer: string, specifier: string): string | undefined {
  return specifier.startsWith('.') ? join(importer, '..', specifier) : undefined;
}

/** `@valetkey/core-types/wire` belongs to `@valetkey/core-types`, `jose/errors` to `jose`. */
export function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}
