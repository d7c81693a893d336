import type { SchemaProblem } from '@valetkey/core-types';

const maxDepth = 24;
const maxTextLength = 32_768;
const maxValues = 20_000;

/** Returns whether a value of JSON has at most so many levels, and no text that is not Unicode. It never recurses. */
export function isBoundedJson(value: unknown, maxLevels = 64): boolean {
  return (
    findJsonProblem(value, { maxLevels, maxLength: Number.POSITIVE_INFINITY, maxCount: Number.POSITIVE_INFINITY }) ===
    undefined
  );
}

/** Returns why a recipe is too large to be checked, before any part of the check reads it. */
export function findSizeProblems(data: unknown): readonly SchemaProblem[] {
  const message = findJsonProblem(data, { maxLevels: maxDepth, maxLength: maxTextLength, maxCount: maxValues });
  return message === undefined ? [] : [{ field: '', message }];
}

interface Bounds {
  readonly maxLevels: number;
  readonly maxLength: number;
  readonly maxCount: number;
}

function findJsonProblem(data: unknown, { maxLevels, maxLength, maxCount }: Bounds): string | undefined {
  const waiting: (readonly [value: unknown, level: number])[] = [[data, 0]];
  for (let index = 0; index < waiting.length; index += 1) {
    const [value, level] = waiting[index] ?? [undefined, 0];
    if (typeof value === 'string') {
      if (value.length > maxLength) return `has a text of more than ${maxLength} characters`;
      if (!value.isWellFormed()) return 'has a text that is not Unicode';
    }
    if (typeof value !== 'object' || value === null) continue;
    if (level === maxLevels) return `has more than ${maxLevels} levels`;
    for (const [name, member] of Object.entries(value)) {
      waiting.push([member, level + 1]);
      if (!Array.isArray(value)) waiting.push([name, level + 1]);
    }
    if (waiting.length > maxCount) return `has more than ${maxCount} values`;
  }
  return undefined;
}
