import { stdout } from 'node:process';
import { simulate } from './simulate.ts';

// Replays the seed `SEED` and prints everything that happens. If `CRASH_AT` is set, the first replica crashes at the
// delivery with that number.
// SEED=123 CRASH_AT=40 npx -y pnpm@12.18.0 --filter @valetkey/token-cache simulate
const print = (line: string): void => void stdout.write(`${line}\n`);
const crashAtDelivery = process.env['CRASH_AT'] === undefined ? undefined : Number(process.env['CRASH_AT']);
const report = await simulate({ seed: Number(process.env['SEED'] ?? 1), crashAtDelivery, trace: print });
print(JSON.stringify(report, undefined, 2));
process.exitCode = report.violations.length > 0 ? 1 : 0;
