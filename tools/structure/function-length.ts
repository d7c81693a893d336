import type { Node } from 'oxc-parser';
import type { Problem, Repository } from './repository.ts';
import { countCodeLines, walk, type SourceFile } from './source-file.ts';

export const maxFunctionLines = 60;

export interface LongFunction {
  readonly name: string;
  readonly lines: number;
}

/** Reports each function of more than 60 lines of code, including the functions inside it. Tests are not checked. */
export function checkFunctionLength({ packages }: Repository): Problem[] {
  return packages.flatMap(({ files }) =>
    files
      .filter(({ isTest }) => !isTest)
      .flatMap((file) =>
        findLongFunctions(file).map(({ name, lines }) => ({
          place: file.path,
          problem: `${name} has ${lines} lines of code; split it, the limit is ${maxFunctionLines}`,
        })),
      ),
  );
}

export function findLongFunctions(file: SourceFile): LongFunction[] {
  const found: LongFunction[] = [];
  walk(file.program, (node, parent) => {
    if (!isFunction(node)) return;
    const lines = countCodeLines(file, node.start, node.end);
    if (lines > maxFunctionLines) found.push({ name: nameFunction(node, parent), lines });
  });
  return found;
}

const isFunction = ({ type }: Node) =>
  type === 'FunctionDeclaration' || type === 'FunctionExpression' || type === 'ArrowFunctionExpression';

/** Returns the name of the function, or of the variable, property or method that holds the function. */
function nameFunction(node: Node, parent: Node | undefined): string {
  for (const holder of [node, parent]) {
    if (holder === undefined) continue;
    for (const field of ['id', 'key'] as const) {
      const identifier: unknown = Reflect.get(holder, field);
      if (typeof identifier === 'object' && identifier !== null && 'name' in identifier) return String(identifier.name);
    }
  }
  return 'an unnamed function';
}
