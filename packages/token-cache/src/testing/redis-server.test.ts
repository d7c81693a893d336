import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { stderr } from 'node:process';
import { expect, onTestFinished, test, vi } from 'vitest';
import { findRedis, redisCommand, startPrivateRedis } from './redis-server.ts';
import { redisPassword } from './redis-troubles.ts';

/** Makes an empty folder the place for temporary files until the test ends. */
async function useOwnTemporaryFolder(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'valetkey-test-'));
  vi.stubEnv('TMPDIR', folder);
  onTestFinished(async () => {
    vi.unstubAllEnvs();
    await rm(folder, { recursive: true });
  });
  return folder;
}

test('startPrivateRedis leaves no temporary folder when no server is installed', async () => {
  const folder = await useOwnTemporaryFolder();
  vi.stubEnv('PATH', folder);
  vi.stubEnv('CI', '');
  const write = vi.spyOn(stderr, 'write').mockReturnValue(true);
  onTestFinished(() => write.mockRestore());
  expect(await startPrivateRedis()).toBeUndefined();
  expect(write).toHaveBeenCalledWith(expect.stringContaining('THE TESTS AGAINST A REAL REDIS ARE SKIPPED'));
  expect(await readdir(folder)).toEqual([]);
});

test('startPrivateRedis rejects when no server is installed and CI is set', async () => {
  const folder = await useOwnTemporaryFolder();
  vi.stubEnv('PATH', folder);
  vi.stubEnv('CI', 'true');
  await expect(startPrivateRedis()).rejects.toThrow('install redis-server');
});

test('startPrivateRedis leaves no temporary folder when the server ends before it accepts connections', async ({
  skip,
}) => {
  const installed = await startPrivateRedis();
  if (installed === undefined) return skip();
  await installed.stop();
  const folder = await useOwnTemporaryFolder();
  await expect(startPrivateRedis('--no-such-option', 'yes')).rejects.toThrow('ended before it accepted connections');
  expect(await readdir(folder)).toEqual([]);
});

test('findRedis does not return a local server that demands a password', async ({ skip }) => {
  const local = await startPrivateRedis('--requirepass', redisPassword);
  if (local === undefined) return skip();
  onTestFinished(() => local.stop());
  vi.stubEnv('REDIS_URL', undefined);
  onTestFinished(() => void vi.unstubAllEnvs());
  const found = await findRedis(local.url);
  onTestFinished(async () => found?.stop());
  expect(found?.url).not.toBe(local.url);
  await expect(redisCommand(found?.url ?? '', 'PING')).resolves.toBe('PONG');
});
