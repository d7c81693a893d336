// Uses the five vendors that are code through the client SDK, and vendors of the catalog over HTTP, as the user alice. It calls
// the dev broker at `--broker-url` and the sandbox at `--sandbox-url`, and starts its own if no broker responds there.
import { parseArgs } from 'node:util';
import { startDev } from '@valetkey/broker';
import { ValetError } from '@valetkey/client-sdk';
import { listCatalogSteps } from './demo/catalog-steps.ts';
import { DemoFailure } from './demo/device.ts';
import { formatLine, formatResult, formatTable, wrap, type Result } from './demo/print.ts';
import { listSteps, signIn, type Addresses, type Step } from './demo/steps.ts';

const running = readAddresses();

/** Reads the flags. A wrong flag ends the program with one line. */
function readAddresses(): Addresses {
  try {
    const { values } = parseArgs({
      options: {
        'broker-url': { type: 'string', default: 'http://127.0.0.1:8787' },
        'sandbox-url': { type: 'string', default: 'http://127.0.0.1:8790' },
      },
    });
    return { brokerUrl: values['broker-url'], sandboxUrl: values['sandbox-url'] };
  } catch {
    process.stderr.write('demo: the flags are --broker-url <url> and --sandbox-url <url>\n');
    process.exit(1);
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

async function findBroker(): Promise<Addresses & { close(): Promise<void> }> {
  const health = await fetch(`${running.brokerUrl}/healthz`, { signal: AbortSignal.timeout(1000) }).catch(
    () => undefined,
  );
  if (health?.ok) return { ...running, close: async () => undefined };
  print(`\n${wrap(`No broker responds at ${running.brokerUrl}, so the demo starts its own.`, 0)}`);
  return startDev({ port: 0, adminPort: 0, sandboxPort: 0, dataFolder: ':memory:' });
}

/** Describes an error. Of a foreign error it returns only the name, because the message may quote a token. */
function describeFailure(error: unknown): string {
  if (ValetError.isInstance(error)) return `${error.code}: ${error.message} ${error.remediation ?? ''}`.trimEnd();
  if (error instanceof DemoFailure) return error.message;
  return error instanceof Error ? error.name : 'The step failed.';
}

async function runStep(step: Step): Promise<Result> {
  const startedAtMs = performance.now();
  const [passed, outcome] = await step.run().then(
    (outcome) => [true, outcome] as const,
    (error: unknown) => [false, describeFailure(error)] as const,
  );
  return { step, passed, outcome, milliseconds: performance.now() - startedAtMs };
}

async function runDemo(addresses: Addresses): Promise<boolean> {
  print('\nThe user alice opens an app that uses many vendors. The app has no master key:');
  print('it sends the token of its identity provider to the broker.\n');
  print(`  broker   ${addresses.brokerUrl}`);
  print(`  vendors  ${addresses.sandboxUrl} (simulated, with two identity providers)\n`);

  const appToken = await signIn(addresses);
  const results = await runAll(await listSteps(addresses, appToken), formatResult);
  print('\nWith the same token, the app gets what the SDKs of other vendors need:\n');
  const minted = await runAll(listCatalogSteps(addresses, appToken), formatLine);
  const all = [...results, ...minted];
  const passedCount = all.filter(({ passed }) => passed).length;
  print(`\n${formatTable(results)}\n`);
  print(`  ${passedCount} of ${all.length} steps passed.\n`);
  return passedCount === all.length;
}

/** Runs steps one after the other, and prints each result. */
async function runAll(steps: readonly Step[], format: (result: Result) => string): Promise<readonly Result[]> {
  const results: Result[] = [];
  for (const step of steps) {
    const result = await runStep(step);
    results.push(result);
    print(format(result));
  }
  return results;
}

const { close, ...addresses } = await findBroker();
try {
  process.exitCode = (await runDemo(addresses)) ? 0 : 1;
} catch (error) {
  print(wrap(`The demo could not sign alice in. ${describeFailure(error)}`, 0));
  process.exitCode = 1;
} finally {
  await close();
}
