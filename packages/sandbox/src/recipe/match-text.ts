import type { SampleTextPart, SampleVariable } from '@valetkey/core-types';

/** What is compared with the form of a request: the accepted credentials, and what was found. */
export interface Comparison {
  readonly accepts: (credential: string, text: string) => boolean;
  /** The values of the variables, by name. */
  readonly found: Map<string, { readonly value: unknown; readonly unit: SampleVariable['unit'] }>;
  /** What does not fit: the form, or a credential. */
  readonly misfits: Set<'form' | 'credential'>;
}

type Parts = readonly SampleTextPart[];

/** Compares a text with its form. Notes the values of variables, and what does not fit. */
export function matchText(parts: Parts, text: string, comparison: Comparison): void {
  const [only] = parts;
  const groups =
    parts.length === 1 && typeof only === 'object'
      ? [text]
      : new RegExp(`^${parts.map(toPattern).join('')}$`, 'u').exec(text)?.slice(1);
  if (groups === undefined) return misfit(parts, comparison);
  const varying = parts.filter((part) => typeof part !== 'string');
  for (const [index, part] of varying.entries()) matchPart(part, groups[index] ?? '', comparison);
}

/** Notes that a text is missing or has another form. A wrong text that should hold a credential is a wrong credential. */
export function misfit(parts: Parts, { misfits }: Comparison): void {
  misfits.add(holdsCredential(parts) ? 'credential' : 'form');
}

function holdsCredential(parts: Parts): boolean {
  return parts.some(
    (part) => typeof part === 'object' && ('credential' in part || ('base64' in part && holdsCredential(part.base64))),
  );
}

/** Returns whether a text may be absent. */
export function isOptionalText(parts: Parts): boolean {
  return parts.some((part) => typeof part === 'object' && 'variable' in part && part.optional === true);
}

function toPattern(part: SampleTextPart): string {
  return typeof part === 'string' ? part.replaceAll(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`) : '([^]*?)';
}

function matchPart(part: Exclude<SampleTextPart, string>, text: string, comparison: Comparison): void {
  if ('variable' in part) {
    comparison.found.set(part.variable, { value: text, unit: part.unit });
  } else if ('credential' in part) {
    if (!comparison.accepts(part.credential, text)) comparison.misfits.add('credential');
  } else {
    matchText(part.base64, Buffer.from(text, 'base64').toString(), comparison);
  }
}
