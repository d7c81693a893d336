import { listSchemaProblems, readTenant, systemClock, ValetKeyError, type Principal } from '@valetkey/core-types';
import { z } from 'zod';
import { readConfigFile, readConfigValue } from '../config/config-file.ts';
import type { Config } from '../config/config.ts';
import { parseConfig } from '../config/parse-config.ts';
import { findRefusingRule } from '../policy/access.ts';
import { createSqliteStore } from '../storage/sqlite-store.ts';
import { findRefusedCall } from '../vendors/call-refusal.ts';
import type { Connection } from '../vendors/connections.ts';
import { CommandError } from './command-error.ts';
import { useTemporaryBroker } from './temporary-broker.ts';
import { countOf, markOf, print } from './terminal.ts';

const exampleSchema = z
  .strictObject({
    name: z.string().min(1).optional(),
    connection: z.string().min(1),
    operation: z.enum(['issue', 'proxy']),
    principal: z.strictObject({
      issuer: z.string().min(1),
      subject: z.string().min(1).default('someone'),
      scopes: z.array(z.string()).default([]),
      claims: z.record(z.string(), z.unknown()).default({}),
    }),
    method: z.string().default('GET'),
    path: z.string().startsWith('/', { error: 'must begin with a slash' }).optional(),
    at: z.iso.datetime({ offset: true, error: 'must be a time such as 2026-11-28T09:00:00Z' }).optional(),
    expect: z.enum(['allowed', 'refused']),
    field: z.string().min(1).optional(),
  })
  .refine(({ expect, field }) => expect === 'refused' || field === undefined, {
    path: ['field'],
    error: 'is only for a refused example; remove it',
  })
  .refine(({ operation, path }) => operation === 'proxy' || path === undefined, {
    path: ['path'],
    error: 'is only for the operation proxy; remove it',
  });

const fileSchema = z.strictObject({ examples: z.array(exampleSchema).min(1) });

/** A request of a principal, and what the policy is expected to decide about it. */
type Example = z.output<typeof exampleSchema>;

/** An example and the decision about it. */
interface TestedExample {
  readonly name: string;
  /** The field of the connection that refuses. Absent: the example is allowed. */
  readonly field: string | undefined;
  readonly expected: Pick<Example, 'expect' | 'field'>;
  readonly asExpected: boolean;
}

/** Prints a line for each example of a file, and sets the exit code to 1 if the policy decides one otherwise than expected. */
export async function testPolicy(file: string, configFile: string): Promise<void> {
  const config = parseConfig(await readConfigFile(configFile));
  const tested = await runExamples(await readExamples(file, config), config);
  for (const { name, field, expected, asExpected } of tested) {
    const decision = describe(field === undefined ? 'allowed' : 'refused', field);
    const difference = asExpected ? '' : `, but expected: ${describe(expected.expect, expected.field)}`;
    print(`${markOf(asExpected ? 'passed' : 'failed')} ${name}: ${decision}${difference}`);
  }
  const different = tested.filter(({ asExpected }) => !asExpected).length;
  print(`${countOf(tested.length, 'example')}, ${different} decided otherwise than expected.`);
  if (different > 0) process.exitCode = 1;
}

function describe(decision: Example['expect'], field: string | undefined): string {
  return field === undefined ? decision : `${decision} by ${field}`;
}

/** Reads a file of examples. Rejects with a `CommandError` that lists every problem. */
async function readExamples(file: string, { connections, issuers }: Config): Promise<readonly Example[]> {
  const written = await readConfigValue(file);
  const { data, error } = fileSchema.safeParse(written);
  if (data === undefined) {
    const problems = listSchemaProblems(error, fileSchema, written);
    throw toError(
      file,
      problems.map(({ field, message }) => `${field}: ${message}`),
    );
  }
  const names = connections.map(({ name }) => name);
  const problems = data.examples.flatMap(({ connection, principal }, index) => [
    ...(names.includes(connection) ? [] : [`connection: is not one of ${names.join(', ')}`].map(at(index))),
    ...(issuers.some(({ issuer }) => readTenant(issuer, principal.issuer) !== undefined)
      ? []
      : ['principal.issuer: is not an issuer of the configuration'].map(at(index))),
  ]);
  if (problems.length > 0) throw toError(file, problems);
  return data.examples;
}

function toError(file: string, problems: readonly string[]): CommandError {
  return new CommandError([`${file} cannot be used:`, ...problems].join('\n  '));
}

const at = (index: number) => (problem: string) => `examples.${index}.${problem}`;

/** Decides each example as the broker would, without a call to a vendor. */
async function runExamples(examples: readonly Example[], config: Config): Promise<readonly TestedExample[]> {
  let nowMs: number | undefined;
  const clock = { ...systemClock, nowMs: () => nowMs ?? systemClock.nowMs() };
  const dependencies = { store: createSqliteStore(':memory:'), clock };
  return useTemporaryBroker(config, dependencies, async ({ parts: { connections } }) =>
    examples.flatMap((example, index) => {
      const connection = connections.get(example.connection);
      if (connection === undefined) return [];
      nowMs = example.at === undefined ? undefined : Date.parse(example.at);
      const field = findRefusingField(connection, example);
      const decision = field === undefined ? 'allowed' : 'refused';
      const asExpected = decision === example.expect && [undefined, field].includes(example.field);
      return [{ name: example.name ?? `example ${index + 1}`, field, expected: example, asExpected }];
    }),
  );
}

/** Returns the field of the connection that refuses an example, or undefined if the policy allows it. */
function findRefusingField(connection: Connection, example: Example): string | undefined {
  const { operation, principal, method, path: target } = example;
  const { vendor, rules } = connection;
  const rule = findRefusingRule(rules, principal, operation);
  if (rule !== undefined) return rule.field;
  if (vendor[operation] === undefined) return 'operation';
  if (operation === 'issue' || vendor.proxy === undefined) return undefined;
  if (target !== undefined) {
    const [path = ''] = target.split('?', 1);
    const refused = findRefusedCall(connection, principal, { method, path, query: target.slice(path.length) });
    if (refused !== undefined) return refused.field;
  }
  return isRefusedByVendor(connection, principal) ? (vendor.claims?.[0]?.option ?? 'vendor') : undefined;
}

/** Returns whether the vendor's adapter refuses the principal, such as for a claim that it reads. */
function isRefusedByVendor({ vendor }: Connection, principal: Principal): boolean {
  try {
    vendor.proxy?.tokenKey(principal);
    return false;
  } catch (error) {
    if (!ValetKeyError.isInstance(error)) throw error;
    return true;
  }
}
