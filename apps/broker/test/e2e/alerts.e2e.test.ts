import { spawnSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { createSandbox } from '@valetkey/sandbox';
import { beforeAll, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { parseMetrics, type ParsedMetrics } from '../support/parse-metrics.ts';
import { createConfigFor, startRecordingBroker } from '../support/recording-broker.ts';
import { isProgramAvailable } from '../support/required-program.ts';
import type { AssembledBroker } from '../../src/assemble.ts';
import { parseConfig } from '../../src/config/parse-config.ts';
import { createSqliteStore } from '../../src/storage/sqlite-store.ts';

const root = new URL('../../../../', import.meta.url);
const readText = (path: string) => readFile(new URL(path, root), 'utf8');
const rulesFile = 'deploy/prometheus/valetkey.rules.yaml';

interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: { readonly severity: string };
  readonly annotations: { readonly summary: string; readonly runbook: string };
}

const { groups } = parse(await readText(rulesFile)) as { groups: readonly { readonly rules: readonly Alert[] }[] };
const alerts = groups.flatMap(({ rules }) => rules);
const dashboard = await readText('deploy/grafana/valetkey.json');
const runbook = await readText('docs/runbook.md');
const page = await readText('docs/observability.md');

/** The sections of the runbook, by their headings. */
const sections = new Map(
  runbook
    .split(/^## /m)
    .slice(1)
    .map((text): [string, string] => [text.slice(0, text.indexOf('\n')), text]),
);

let metrics: ParsedMetrics;
beforeAll(async () => {
  await using sandbox = await createSandbox();
  // A store that fails once, so that its failures have a sample.
  const store = createSqliteStore(':memory:');
  let isBroken = true;
  const check = async () => {
    if (!isBroken) return store.check();
    isBroken = false;
    throw new Error('The disk is full.');
  };
  const config = createConfigFor(sandbox);
  await using broker = await startRecordingBroker(config, { store: { ...store, check } });
  const alice = await sandbox.mintUserToken({ sub: 'alice' });
  sandbox.setFaults([{ vendor: 'nudge', fault: { type: 'status', status: 503 } }]);
  for (const connection of ['nabla', 'nudge', 'vital']) await broker.issue(connection, alice);
  await broker.call('/v1/vendors/nymbl/proxy/Patients', alice);
  await broker.call('/v1/session', 'no.valid.token');
  await (broker.broker as AssembledBroker).reload(async () => parseConfig(config));
  await (broker.broker as AssembledBroker).reload(() => Promise.reject(new Error('canary'))).catch(() => undefined);
  const response = await fetch(`${broker.adminUrl}/metrics`);
  metrics = parseMetrics(await response.text());
});

/** Labels that Prometheus adds to each series of a target, or that come with every histogram. */
const addedLabels = ['job', 'instance', 'le'];

/** Returns the metrics and labels of an expression that the broker does not have. */
function listUnknown(expression: string): string[] {
  const unknown: string[] = [];
  const used = [...expression.matchAll(/\b((?:valetkey|nodejs|process)_\w+)(?:\{([^}]*)\})?/g)];
  const labelsOfAll = new Set(addedLabels);
  for (const [, name = '', selector = ''] of used) {
    const labels = metrics.labelsOf(name);
    if (labels === undefined) unknown.push(name);
    for (const label of labels ?? []) labelsOfAll.add(label);
    for (const [, label = ''] of selector.matchAll(/(\w+)\s*(?:=~|!~|!=|=)\s*"/g)) {
      if (![...addedLabels, ...(labels ?? [])].includes(label)) unknown.push(`${name}{${label}}`);
    }
  }
  for (const [, list = ''] of expression.matchAll(/\b(?:by|on) \(([^)]*)\)/g)) {
    unknown.push(
      ...list
        .split(',')
        .map((label) => label.trim())
        .filter((label) => !labelsOfAll.has(label)),
    );
  }
  return unknown;
}

const hasPromtool = await isProgramAvailable({
  name: 'promtool',
  probe: () => {
    const { error } = spawnSync('promtool', ['--version']);
    if (error !== undefined) throw error;
  },
  remediation: 'Install the package prometheus.',
});

describe.skipIf(!hasPromtool)('promtool', () => {
  test.each([
    ['check', rulesFile],
    ['test', 'deploy/prometheus/valetkey.rules.test.yaml'],
  ])('%s rules accepts %s', (command, file) => {
    const { status, stdout, stderr } = spawnSync('promtool', [command, 'rules', file], {
      cwd: fileURLToPath(root),
      encoding: 'utf8',
    });
    expect(status, stdout + stderr).toBe(0);
  });
});

test('each alert has a test with promtool in which it fires', async () => {
  const { tests } = parse(await readText('deploy/prometheus/valetkey.rules.test.yaml')) as {
    tests: readonly { readonly alert_rule_test?: readonly { alertname: string; exp_alerts: readonly object[] }[] }[];
  };
  const fired = tests
    .flatMap(({ alert_rule_test: ofRules = [] }) => ofRules)
    .filter(({ exp_alerts: expected }) => expected.length > 0);
  expect(fired.map(({ alertname }) => alertname)).toEqual(alerts.map(({ alert }) => alert));
});

test('the alerts name only metrics and labels that a running broker has', () => {
  expect(alerts.length).toBeGreaterThan(10);
  for (const { alert, expr } of alerts) expect(listUnknown(expr), alert).toEqual([]);
});

test('the check of metrics and labels finds a wrong name', () => {
  expect(
    listUnknown('sum by (job, colour) (rate(valetkey_decisions_total{outcom="x"}[5m])) / valetkey_nothing'),
  ).toEqual(['valetkey_decisions_total{outcom}', 'valetkey_nothing', 'colour']);
});

test('the dashboard names only metrics and labels that a running broker has, and each of its panels has a title', () => {
  const { panels } = JSON.parse(dashboard) as {
    panels: readonly { id: number; type: string; title: string; targets?: readonly { expr: string }[] }[];
  };
  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  const expressions = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
  expect(expressions.length).toBeGreaterThan(20);
  for (const expression of expressions) {
    expect(expression).toMatch(/valetkey_|nodejs_|process_/);
    expect(listUnknown(expression), expression).toEqual([]);
  }
  for (const { title } of panels) expect(title).not.toBe('');
});

test('each metric of the broker is used by the dashboard', () => {
  const own = metrics.names.filter((name) => name.startsWith('valetkey_'));
  expect(own.filter((name) => !dashboard.includes(name))).toEqual([]);
});

test('each alert has a section of the runbook with one command, and each section has an alert', () => {
  expect([...sections.keys()].toSorted()).toEqual(alerts.map(({ alert }) => alert).toSorted());
  for (const { alert, annotations } of alerts) {
    expect(annotations.runbook).toBe(`docs/runbook.md#${alert.toLowerCase()}`);
    const section = sections.get(alert) ?? '';
    const parts = [...section.matchAll(/^\*\*(.+?)\.\*\*/gm)].map(([, part]) => part);
    expect(parts, alert).toEqual(['Meaning', 'What a user sees', 'Find the cause', 'Do']);
    expect(section.match(/^```sh$/gm), alert).toHaveLength(1);
  }
});

test('the page on observability lists each metric of the broker with its type and its labels', () => {
  const rows = [...page.matchAll(/^\| `(valetkey_\w+)` +\| (\w+) +\| (.*?) +\|/gm)].map(
    ([, name = '', type, labels = '']) => ({
      name,
      type,
      labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label).toSorted(),
    }),
  );
  const own = metrics.names
    .filter((name) => name.startsWith('valetkey_'))
    .map((name) => ({
      name,
      type: metrics.typeOf(name),
      labels: [...(metrics.labelsOf(name) ?? [])].filter((label) => label !== 'le').toSorted(),
    }));
  const byName = (left: { name: string }, right: { name: string }) => left.name.localeCompare(right.name);
  expect(rows.toSorted(byName)).toEqual(own.toSorted(byName));
});
