// Runs one vendor's SDK in this process and sends the cases of each product to the parent process.
import { readFileSync } from 'node:fs';
import type { FixtureCase } from '../../packages/vendor-clients/src/testing/oracle-fixtures.ts';
import type { OracleProduct } from './define-oracle.ts';
import { freezeProcess } from './frozen-process.ts';
import { redirectRequests } from './redirected-requests.ts';

/** What one product's SDK did in all its cases. */
export interface Recording {
  readonly product: string;
  readonly package: string;
  readonly version: string;
  readonly cases: readonly FixtureCase[];
}

/** Reads the version from the file itself, because an SDK may not export its manifest. */
function readVersion(packageName: string, program: string): string {
  const manifest = new URL(`../node_modules/${packageName}/package.json`, program);
  return (JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }).version;
}

const [program = ''] = process.argv.slice(2);
const setMoment = freezeProcess();
redirectRequests();
const { products } = (await import(program)) as { readonly products: readonly OracleProduct[] };

const recordings: Recording[] = [];
for (const oracle of products) {
  const cases: FixtureCase[] = [];
  for (const input of oracle.cases) {
    setMoment(input.nowSeconds);
    const outcome = await oracle.record(input);
    cases.push({ ...input, ...outcome } as FixtureCase);
  }
  recordings.push({
    product: oracle.product,
    package: oracle.package,
    version: readVersion(oracle.package, program),
    cases,
  });
}
process.send?.(recordings, () => process.exit());
