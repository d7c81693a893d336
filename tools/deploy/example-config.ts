import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '@valetkey/broker';
import { parse } from 'yaml';
import type { z } from 'zod';
import { root } from '../workspace.ts';

/** The values that stand for the secrets of the examples. */
const values: Readonly<Record<string, string>> = {
  postgres_url: 'postgresql://valetkey:secret@postgres.example.com:5432/valetkey?sslmode=verify-full',
  redis_url: 'redis://:secret@redis.example.com:6379/0',
};

/** Returns the file names of the secrets that a configuration in `deploy` reads from a folder. */
export function listSecretFiles(path: string, secretsFolder: string): string[] {
  const text = readFileSync(join(root, path), 'utf8');
  return [...text.matchAll(/\$\{file:(\S+?)\}/g)].map(([, file = '']) => {
    if (!file.startsWith(`${secretsFolder}/`)) throw new Error(`${file} is not in ${secretsFolder}.`);
    return file.slice(secretsFolder.length + 1);
  });
}

/** Checks a configuration of `deploy` as the broker does, with secrets from `folder` in place of its own, and returns it. */
export async function loadExample(path: string, secretsFolder: string, folder: string) {
  const secrets = join(folder, 'secrets');
  mkdirSync(secrets, { recursive: true });
  for (const name of listSecretFiles(path, secretsFolder)) {
    writeFileSync(join(secrets, name), values[name] ?? `value-of-${name}-of-32-characters-or-more`);
  }
  const file = join(folder, 'valetkey.config.yaml');
  writeFileSync(file, readFileSync(join(root, path), 'utf8').replaceAll(secretsFolder, secrets));
  return loadConfig(file);
}

/** Reads a YAML file of `deploy`, which may have several documents. */
export function readManifest<Schema extends z.ZodType>(path: string, schema: Schema): z.output<Schema> {
  return schema.parse(parse(readFileSync(join(root, path), 'utf8')));
}
