import { expect, test } from 'vitest';
import { createVirtualClock } from '../test/support/virtual-clock.ts';
import { createConfigState } from './config-state.ts';
import { ConfigError } from './config/config-error.ts';
import { createLogger } from './telemetry/logger.ts';
import { createMetrics } from './telemetry/metrics.ts';

const one = { version: 'aaaaaaaaaaaa', secretsVersion: '111111111111' };
const two = { version: 'aaaaaaaaaaaa', secretsVersion: '222222222222' };

function createScene() {
  const lines: Record<string, unknown>[] = [];
  const logger = createLogger('info', {
    write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>),
  });
  const clock = createVirtualClock();
  const metrics = createMetrics();
  const state = createConfigState({ clock, logger, metrics });
  state.use(one);
  const readMetrics = async () =>
    (await metrics.render()).split('\n').filter((line) => line.startsWith('valetkey_config_'));
  return { state, lines, clock, readMetrics };
}

test('the metrics have the versions of the configuration, and no time of a reload before the first one', async () => {
  const { state, readMetrics } = createScene();
  expect(state.describe()).toEqual({ configuration: one.version, secrets: one.secretsVersion });
  expect(await readMetrics()).toEqual([
    `valetkey_config_info{version="${one.version}",secrets_version="${one.secretsVersion}"} 1`,
    'valetkey_config_reloads_total{outcome="applied"} 0',
    'valetkey_config_reloads_total{outcome="unchanged"} 0',
    'valetkey_config_reloads_total{outcome="failed"} 0',
    'valetkey_config_last_reload_successful 1',
  ]);
});

test('a reload with a rotated secret changes the version of the secrets alone, and is logged and counted with its time', async () => {
  const { state, lines, readMetrics } = createScene();
  await state.report(async () => ({ ...two, isSame: false }));
  expect(state.describe()).toEqual({ configuration: one.version, secrets: two.secretsVersion });
  expect(lines).toMatchObject([{ level: 30, msg: 'configuration reloaded', config: two }]);
  expect(await readMetrics()).toEqual([
    `valetkey_config_info{version="${two.version}",secrets_version="${two.secretsVersion}"} 1`,
    'valetkey_config_reloads_total{outcome="applied"} 1',
    'valetkey_config_reloads_total{outcome="unchanged"} 0',
    'valetkey_config_reloads_total{outcome="failed"} 0',
    'valetkey_config_reload_timestamp_seconds{result="success"} 1767225600',
    'valetkey_config_last_reload_successful 1',
  ]);
});

test('a reload without a change is counted, and not logged', async () => {
  const { state, lines, readMetrics } = createScene();
  await state.report(async () => ({ ...one, isSame: true }));
  expect(lines).toEqual([]);
  expect(await readMetrics()).toContain('valetkey_config_reloads_total{outcome="unchanged"} 1');
});

test('a failed reload is logged once with the text of `valetkey check`, and described until a reload succeeds', async () => {
  const { state, lines, clock, readMetrics } = createScene();
  const error = new ConfigError(['listen.port: must be a whole number from 0 to 65535', 'log.level: is wrong']);
  const fail = () => state.report(() => Promise.reject(error));
  await expect(fail()).rejects.toBe(error);
  clock.advance(60_000);
  await expect(fail()).rejects.toBe(error);
  expect(lines).toMatchObject([{ level: 50, msg: error.message, problems: error.problems, config: one }]);
  expect(state.describe()).toEqual({
    configuration: one.version,
    secrets: one.secretsVersion,
    reload: `failed at 2026-01-01T00:00:00.000Z, so the configuration before it is in use: ${error.problems.join('; ')}`,
  });
  expect(await readMetrics()).toEqual(
    expect.arrayContaining([
      'valetkey_config_reloads_total{outcome="failed"} 2',
      'valetkey_config_last_reload_successful 0',
      'valetkey_config_reload_timestamp_seconds{result="failure"} 1767225660',
    ]),
  );
  await state.report(async () => ({ ...one, isSame: true }));
  expect(lines).toMatchObject([{ level: 50 }, { level: 30, msg: 'configuration reloaded' }]);
  expect(state.describe()).not.toHaveProperty('reload');
  expect(await readMetrics()).toContain('valetkey_config_last_reload_successful 1');
});

test('a failed reload reveals no text of an error that is not about the configuration', async () => {
  const { state, lines } = createScene();
  await expect(state.report(() => Promise.reject(new TypeError('canary-of-a-secret')))).rejects.toThrow('canary');
  expect(JSON.stringify([lines, state.describe()])).not.toContain('canary');
  expect(lines).toMatchObject([{ msg: 'the configuration could not be reloaded (TypeError)' }]);
});
