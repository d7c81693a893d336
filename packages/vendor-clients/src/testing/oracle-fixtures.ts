import { readdirSync, readFileSync } from 'node:fs';
import { z } from 'zod';

/** The value of a secret that no fixture stores, because the oracle makes the key in each run. */
export const generatedSecret = 'sample-made-in-each-run';

const given = {
  title: z.string().min(1),
  /** The clock of the SDK when it ran, in Unix seconds. */
  nowSeconds: z.int().positive(),
  /** The requested life of the credential. It is absent if the vendor decides the life alone. */
  lifeSeconds: z.int().positive().optional(),
  secrets: z.record(z.string(), z.string()),
  options: z.record(z.string(), z.json()),
  /** The vendor's name of the user, as `{user.id}` of a recipe. */
  userId: z.string().min(1),
  parameters: z.record(z.string(), z.json()),
  /** The random bytes that the output depends on, in hexadecimal. */
  randomHex: z
    .string()
    .regex(/^([0-9a-f]{2})+$/)
    .optional(),
};

const jwtCase = z.strictObject({
  ...given,
  jwt: z.strictObject({
    /** The exact JSON text. */
    header: z.string(),
    /** The exact JSON text. */
    payload: z.string(),
    /** In base64url. It is absent if the key was made in that run. */
    signature: z.string().optional(),
  }),
});

const textCase = z.strictObject({ ...given, text: z.string() });

const requestCase = z.strictObject({
  ...given,
  request: z.strictObject({
    method: z.enum(['GET', 'POST']),
    /** Where the SDK sends the request by default: `https://api.vendor.example`. */
    origin: z.string().startsWith('https://'),
    /** The path and query, exactly as they were sent. */
    path: z.string().startsWith('/'),
    /** The headers that the vendor reads, with names in lower case. */
    headers: z.record(z.string(), z.string()),
    /** The exact body; empty if none was sent. */
    body: z.string(),
  }),
  /** The headers that the vendor reads and that have another value in each run. */
  ignoredHeaders: z.array(z.string()).optional(),
  /** What the simulated vendor responded, as JSON. */
  response: z.json(),
});

/** One file of fixtures: what the official server SDK of a vendor does for one product. */
export const fixtureSchema = z.strictObject({
  oracle: z.strictObject({
    package: z.string(),
    version: z.string(),
    /** The day on which this version of the SDK was first run. */
    checkedOn: z.iso.date(),
  }),
  cases: z.array(z.union([jwtCase, textCase, requestCase])).min(1),
});

export type Fixture = z.output<typeof fixtureSchema>;
export type FixtureCase = Fixture['cases'][number];

export interface ProductFixture extends Fixture {
  /** The name of the file: `customer-session`. */
  readonly product: string;
}

/** Returns the fixtures of each product of a vendor; none if the vendor has no official server SDK. */
export function readFixtures(
  vendorId: string,
  vendorsFolder = new URL('../vendors/', import.meta.url),
): readonly ProductFixture[] {
  const folder = new URL(`${vendorId}/fixtures/`, vendorsFolder);
  return listJsonFiles(folder).map((file) => ({
    product: file.replace(/\.json$/, ''),
    ...fixtureSchema.parse(JSON.parse(readFileSync(new URL(file, folder), 'utf8'))),
  }));
}

function listJsonFiles(folder: URL): string[] {
  try {
    return readdirSync(folder)
      .filter((file) => file.endsWith('.json'))
      .toSorted();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
