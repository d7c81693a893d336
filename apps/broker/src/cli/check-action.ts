import { inspectConfig } from '../config/load-config.ts';
import { markOf, print } from './terminal.ts';

/** Reports whether the broker can use a configuration, and what its operator should change in it. */
export async function check(file: string, { strict = false }: { readonly strict?: boolean } = {}): Promise<void> {
  const { warnings } = await inspectConfig(file);
  for (const warning of warnings) print(`${markOf('warning')} ${warning}`);
  print(`${file} can be used.`);
  if (strict && warnings.length > 0) process.exitCode = 1;
}
