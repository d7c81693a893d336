import { listSchemaProblems, readTenant, systemClock, ValetKeyError, type Principal } from '@valetkey/core-types';
import { z } from 'zod';
import { readConfigValue } from '../config/config-file.ts';
import type { Config } from '../config/config.ts';
import { loadUnusedConfig } from '../config/load-config.ts';
import { findRefusingRule } from '../policy/access.ts';
import { decideField, type AssertDecided, type DecidedRequest } from '../policy/decide.ts';
import type { PolicyRules } from '../policy/policy-rules.ts';
import { createSqliteStore } from '../storage/sqlite-store.ts';
import { describeCall, findRefusedCall } from '../vendors/call-refusal.ts';
import type { Connection } from '../vendors/connections.ts';
import { CommandError } from './command-error.ts';
import { useTemporaryBroker } from './temporary-broker.ts';
import { countOf, markOf, print } from './terminal.ts';

const exampleSchema = z
  .strictObject({
    name: z.string().min(1).optional(),
    connection: z.string().min(1).optional(),
    operation: z.enum(['issue', 'proxy', 'authorize', 'resolve']),
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
  })
  .refine(({ operation, connection }) => isForwardAuth(operation) || connection !== undefined, {
    path: ['connection'],
    error: 'is missing',
  })
  .refine(({ operation, connection }) => !isForwardAuth(operation) || connection === undefined, {
    path: ['connection'],
    error: 'is only for the operations issue and proxy; remove it',
  });

function isForwardAuth(operation: DecidedRequest['operation']): operation is 'authorize' | 'resolve' {
  return operation === 'authorize' || operation === 'resolve';
}

const fileSchema = z.strictObject({ examples: z.array(exampleSchema).min(1) });

/** A request of a principal, and what the policy is expected to decide about it. */
type Example = z.output<typeof exampleSchema>;

/** What the broker decides about an example. */
interface TestedDecision {
  readonly decision: Example['expect'] | 'not decided';
  /** The field that refuses, or the function that has not decided, with the cause. */
  readonly field?: string | undefined;
}

/** An example and the decision about it. */
interface TestedExample extends TestedDecision {
  readonly name: string;
  readonly expected: Pick<Example, 'expect' | 'field'>;
  readonly asExpected: boolean;
}

/** Prints a line for each example of a file, and sets the exit code to 1 if the policy decides one otherwise than expected. */
export async function testPolicy(file: string, configFile: string): Promise<void> {
  const config = await loadUnusedConfig(configFile);
  const tested = await runExamples(await readExamples(file, config), config);
  for (const { name, decision, field, expected, asExpected } of tested) {
    const difference = asExpected ? '' : `, but expected: ${describe(expected.expect, expected.field)}`;
    print(`${markOf(asExpected ? 'passed' : 'failed')} ${name}: ${describe(decision, field)}${difference}`);
  }
  const different = tested.filter(({ asExpected }) => !asExpected).length;
  print(`${countOf(tested.length, 'example')}, ${different} decided otherwise than expected.`);
  if (different > 0) process.exitCode = 1;
}

function describe(decision: TestedDecision['decision'], field: string | undefined): string {
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
  const deciding = new Set(
    connections.filter(({ policy }) => policy.policy?.decide !== undefined).map(({ name }) => name),
  );
  const problems = data.examples.flatMap(({ connection, operation, path, principal }, index) => [
    ...(connection === undefined || names.includes(connection)
      ? []
      : [`connection: is not one of ${names.join(', ')}`].map(at(index))),
    ...(operation === 'proxy' && path === undefined && connection !== undefined && deciding.has(connection)
      ? [`path: is missing, because vendors.${connection}.${decideField} decides about each call`].map(at(index))
      : []),
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
  return useTemporaryBroker(config, dependencies, async ({ parts: { connections, forwardAuth } }) => {
    const tested: TestedExample[] = [];
    for (const [index, example] of examples.entries()) {
      nowMs = example.at === undefined ? undefined : Date.parse(example.at);
      const connection = connections.get(example.connection ?? '');
      const decided = await (connection === undefined
        ? decideForwardAuth(forwardAuth, example)
        : decideUse(connection, example));
      const asExpected = decided.decision === example.expect && [undefined, decided.field].includes(example.field);
      tested.push({ ...decided, name: example.name ?? `example ${index + 1}`, expected: example, asExpected });
    }
    return tested;
  });
}

async function decideForwardAuth(
  { enforced, assertDecided }: PolicyRules,
  { principal, operation }: Example,
): Promise<TestedDecision> {
  const rule = findRefusingRule(enforced, principal, operation);
  return rule === undefined ? askFunction(assertDecided, { principal, operation }) : refusedBy(rule.field);
}

/** Decides about the use of a connection, in the order in which the broker does. */
async function decideUse(connection: Connection, example: Example): Promise<TestedDecision> {
  const { operation, principal, method, path: target } = example;
  const { name, vendor, rules, assertDecided } = connection;
  const rule = findRefusingRule(rules, principal, operation);
  if (rule !== undefined) return refusedBy(rule.field);
  if (operation === 'issue') {
    if (vendor.issue === undefined) return refusedBy('operation');
    return askFunction(assertDecided, { principal, operation, connection: name });
  }
  if (vendor.proxy === undefined) return refusedBy('operation');
  if (target !== undefined) {
    const [path = ''] = target.split('?', 1);
    const refused = findRefusedCall(connection, principal, { method, path, query: target.slice(path.length) });
    if (refused !== undefined) return refusedBy(refused.field);
    const call = describeCall({ method, path });
    const decided = await askFunction(assertDecided, { principal, operation, connection: name, ...call });
    if (decided.decision !== 'allowed') return decided;
  }
  return isRefusedByVendor(connection, principal)
    ? refusedBy(vendor.claims?.[0]?.option ?? 'vendor')
    : { decision: 'allowed' };
}

const refusedBy = (field: string): TestedDecision => ({ decision: 'refused', field });

/** Asks the function of a policy. A function that fails has not decided, whatever the example expects. */
async function askFunction(assertDecided: AssertDecided | undefined, request: DecidedRequest): Promise<TestedDecision> {
  try {
    await assertDecided?.(request);
    return { decision: 'allowed' };
  } catch (error) {
    if (!ValetKeyError.isInstance(error)) throw error;
    return error.code === 'forbidden' ? refusedBy(decideField) : { decision: 'not decided', field: error.reason };
  }
}

/** Returns whether the vendor's adapter refuses the principal, such as for a claim that it reads. */
function isRefusedByVendor({ vendor }: Connection, principal: Principal): boolean {
  try {
    if (vendor.proxy !== undefined && 'tokenKey' in vendor.proxy) vendor.proxy.tokenKey(principal);
    return false;
  } catch (error) {
    if (!ValetKeyError.isInstance(error)) throw error;
    return true;
  }
}
