import { readOnce } from '../config/secret-source.ts';
import { listSecretUses, type SecretUse } from '../config/secret-uses.ts';
import { countOf, escapeUnprintable, print } from './terminal.ts';

/** Prints where the configuration uses which secret, and where each comes from. Never prints a value. */
export async function listSecrets(file: string, { json = false }: { readonly json?: boolean } = {}): Promise<void> {
  const uses = await listSecretUses(await readOnce(file, {}));
  const nowMs = Date.now();
  if (json) {
    process.stdout.write(
      `${JSON.stringify(
        uses.map((use) => toJson(use, nowMs)),
        undefined,
        2,
      )}\n`,
    );
    return;
  }
  for (const use of uses) print(describe(use, nowMs));
  if (uses.length === 0) print(`${file} uses no secret.`);
}

function toJson({ field, slot, source, reference, version, changedAtMs }: SecretUse, nowMs: number): object {
  return {
    field,
    slot: slot ?? null,
    source,
    reference: reference ?? null,
    version: version ?? null,
    changedAt: changedAtMs === undefined ? null : new Date(changedAtMs).toISOString(),
    ageSeconds: changedAtMs === undefined ? null : secondsBetween(changedAtMs, nowMs),
  };
}

function describe({ field, slot, source, reference, version, changedAtMs }: SecretUse, nowMs: number): string {
  return [
    `${field}${slot === undefined ? '' : ` (${slot})`}: ${escapeUnprintable(reference ?? 'in the configuration file itself')}`,
    ...(version === undefined ? [] : [`version ${escapeUnprintable(version)}`]),
    ...(changedAtMs === undefined ? [] : [`${verbs[source]} ${describeAge(secondsBetween(changedAtMs, nowMs))} ago`]),
  ].join(', ');
}

const verbs: Readonly<Record<SecretUse['source'], string>> = {
  env: 'read',
  file: 'changed',
  vault: 'created',
  'aws-sm': 'created',
  configuration: 'read',
};

/** The clock of a secret manager may be ahead of that of this machine. */
function secondsBetween(earlierMs: number, laterMs: number): number {
  return Math.max(0, Math.floor((laterMs - earlierMs) / 1_000));
}

function describeAge(seconds: number): string {
  const [minutes, hours, days] = [60, 3_600, 86_400].map((unit) => Math.floor(seconds / unit)) as [
    number,
    number,
    number,
  ];
  if (days > 0) return countOf(days, 'day');
  if (hours > 0) return countOf(hours, 'hour');
  return minutes > 0 ? countOf(minutes, 'minute') : countOf(seconds, 'second');
}
