// Walks all five vendors through the client SDK, at the dev broker that is running or at one of its own.
// `--brokerUrl` and `--sandboxUrl` say where the running one is.
import { parseArgs, styleText } from 'node:util';
import { startDev } from '@valetkey/broker';
import { ValetError } from '@valetkey/client-sdk';
import { DemoFailure } from './demo/device.ts';
import { listSteps, type Places, type Step } from './demo/steps.ts';

interface Result {
  readonly step: Step;
  readonly passed: boolean;
  readonly outcome: string;
  readonly milliseconds: number;
}

const { values: running } = parseArgs({
  options: {
    brokerUrl: { type: 'string', default: 'http://127.0.0.1:8787' },
    sandboxUrl: { type: 'string', default: 'http://127.0.0.1:8790' },
  },
}) satisfies { values: Places };

const print = (line: string) => process.stdout.write(`${line}\n`);

async function findPlaces(): Promise<Places & { close(): Promise<void> }> {
  const health = await fetch(`${running.brokerUrl}/healthz`, { signal: AbortSignal.timeout(1000) }).catch(
    () => undefined,
  );
  if (health?.ok) return { ...running, close: async () => undefined };
  return startDev({ port: 0, adminPort: 0, sandboxPort: 0, dataFolder: ':memory:' });
}

/** Names of foreign errors only: their texts may quote what they failed on. */
function describeFailure(error: unknown): string {
  if (ValetError.isInstance(error)) return `${error.code}: ${error.message} ${error.remediation ?? ''}`.trimEnd();
  if (error instanceof DemoFailure) return error.message;
  return error instanceof Error ? error.name : 'failed';
}

async function runStep(step: Step): Promise<Result> {
  const startedAt = performance.now();
  const [passed, outcome] = await step.run().then(
    (outcome) => [true, outcome] as const,
    (error: unknown) => [false, describeFailure(error)] as const,
  );
  return { step, passed, outcome, milliseconds: performance.now() - startedAt };
}

const mark = ({ passed }: Result) => (passed ? styleText('green', '✓') : styleText('red', '✗'));

function printTable(results: readonly Result[]): void {
  const rows = [
    ['vendor', 'step', 'outcome', 'ms'],
    ...results.map(({ step, passed, milliseconds }) => [
      step.vendor,
      step.name,
      passed ? 'passed' : 'FAILED',
      milliseconds.toFixed(1),
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  for (const [index, row] of rows.entries()) {
    const cells = row.map((cell, column) =>
      column === 3 ? cell.padStart(widths[3] ?? 0) : cell.padEnd(widths[column] ?? 0),
    );
    print(`  ${cells.join('  ')}`);
    if (index === 0) print(`  ${widths.map((width) => '─'.repeat(width)).join('  ')}`);
  }
}

const { close, ...places } = await findPlaces();
try {
  print(`\nThe broker is at ${places.brokerUrl}, the simulated vendors at ${places.sandboxUrl}.\n`);
  const results: Result[] = [];
  for (const step of await listSteps(places)) {
    const result = await runStep(step);
    results.push(result);
    print(`${mark(result)} ${step.vendor}: ${step.name}\n    ${result.outcome}`);
  }
  print('');
  printTable(results);

  const failedCount = results.filter(({ passed }) => !passed).length;
  print(`\n  ${results.length - failedCount} of ${results.length} steps passed.\n`);
  process.exitCode = failedCount === 0 ? 0 : 1;
} catch (error) {
  print(`The demo could not sign in: ${describeFailure(error)}`);
  process.exitCode = 1;
} finally {
  await close();
}
