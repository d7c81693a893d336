import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';
import { root } from '../workspace.ts';

/** The parts of a service that the tests use. Other fields are checked where they are used. */
const serviceSchema = z.looseObject({
  image: z.string(),
  command: z.array(z.string()).optional(),
  environment: z.record(z.string(), z.string()).default({}),
  ports: z.array(z.string()).default([]),
  volumes: z.array(z.string()).default([]),
  secrets: z.array(z.string()).default([]),
  tmpfs: z.array(z.string()).default([]),
  read_only: z.boolean().default(false),
  cap_drop: z.array(z.string()).default([]),
  security_opt: z.array(z.string()).default([]),
  mem_limit: z.string(),
  pids_limit: z.number(),
  stop_grace_period: z.string().optional(),
  healthcheck: z.looseObject({ test: z.array(z.string()) }),
  depends_on: z.record(z.string(), z.object({ condition: z.string() })).default({}),
});

const composeSchema = z.looseObject({
  services: z.record(z.string(), serviceSchema),
  secrets: z.record(z.string(), z.strictObject({ file: z.string() })),
});

/** A service of the Compose file. */
export type ComposeService = z.output<typeof serviceSchema>;

/** Reads `deploy/compose/compose.yaml`, with its merged parts. */
export function readComposeFile() {
  const text = readFileSync(join(root, 'deploy/compose/compose.yaml'), 'utf8');
  return composeSchema.parse(parse(text, { merge: true }));
}

/** Returns the names of the services that run the image of the broker, in order. */
export function listBrokers(): string[] {
  return Object.entries(readComposeFile().services)
    .filter(([, { image }]) => image === 'valetkey:local')
    .map(([name]) => name);
}

/** Returns the services in an order in which each follows those on which it depends. */
export function orderServices(services: Readonly<Record<string, ComposeService>>): string[] {
  const ordered = new Set<string>();
  const visit = (name: string) => {
    for (const needed of Object.keys(services[name]?.depends_on ?? {})) visit(needed);
    ordered.add(name);
  };
  for (const name of Object.keys(services)) visit(name);
  return [...ordered];
}
