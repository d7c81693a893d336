import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { root } from '../workspace.ts';
import { longestStopSeconds } from './drain.ts';
import { listSecretFiles, loadExample } from './example-config.ts';

const folder = mkdtempSync(join(tmpdir(), 'valetkey-kubernetes-'));
afterAll(() => rmSync(folder, { recursive: true }));

const manifests = 'deploy/kubernetes';
const read = (file: string) => readFileSync(join(root, manifests, file), 'utf8');
const secretsFolder = '/run/secrets/valetkey';

const kustomization = z
  .strictObject({
    apiVersion: z.literal('kustomize.config.k8s.io/v1beta1'),
    kind: z.literal('Kustomization'),
    namespace: z.string(),
    resources: z.array(z.string()),
    generatorOptions: z.strictObject({ disableNameSuffixHash: z.boolean() }),
    configMapGenerator: z.array(z.strictObject({ name: z.string(), files: z.array(z.string()) })),
    images: z.array(z.strictObject({ name: z.string(), newName: z.string(), newTag: z.string() })),
  })
  .parse(parse(read('kustomization.yaml')));

const labels = z.record(z.string(), z.string());
const metadata = z.strictObject({ name: z.string(), namespace: z.string().optional(), labels: labels.optional() });
const selector = z.strictObject({ matchLabels: labels });
const probe = z.strictObject({
  httpGet: z.strictObject({ path: z.string(), port: z.string() }),
  periodSeconds: z.int().positive(),
  timeoutSeconds: z.int().positive(),
  failureThreshold: z.int().positive(),
});

/** The fields of a Deployment (apps/v1) that the manifest uses. An unknown or misspelt one is refused. */
const deploymentSchema = z.strictObject({
  apiVersion: z.literal('apps/v1'),
  kind: z.literal('Deployment'),
  metadata,
  spec: z.strictObject({
    replicas: z.int(),
    revisionHistoryLimit: z.int(),
    selector,
    strategy: z.strictObject({ rollingUpdate: z.strictObject({ maxSurge: z.int(), maxUnavailable: z.int() }) }),
    template: z.strictObject({
      metadata: z.strictObject({ labels }),
      spec: z.strictObject({
        serviceAccountName: z.string(),
        automountServiceAccountToken: z.boolean(),
        enableServiceLinks: z.boolean(),
        terminationGracePeriodSeconds: z.int(),
        securityContext: z.strictObject({
          runAsNonRoot: z.boolean(),
          runAsUser: z.int(),
          runAsGroup: z.int(),
          fsGroup: z.int(),
          seccompProfile: z.strictObject({ type: z.literal('RuntimeDefault') }),
        }),
        topologySpreadConstraints: z.array(
          z.strictObject({
            maxSkew: z.int(),
            topologyKey: z.string(),
            whenUnsatisfiable: z.enum(['ScheduleAnyway', 'DoNotSchedule']),
            labelSelector: selector,
          }),
        ),
        containers: z.array(
          z.strictObject({
            name: z.string(),
            image: z.string(),
            ports: z.array(z.strictObject({ name: z.string(), containerPort: z.int() })),
            startupProbe: probe,
            readinessProbe: probe,
            livenessProbe: probe,
            lifecycle: z.strictObject({
              preStop: z.strictObject({ sleep: z.strictObject({ seconds: z.int().positive() }) }),
            }),
            securityContext: z.strictObject({
              allowPrivilegeEscalation: z.boolean(),
              readOnlyRootFilesystem: z.boolean(),
              capabilities: z.strictObject({ drop: z.array(z.string()) }),
            }),
            resources: z.strictObject({ requests: labels, limits: labels }),
            volumeMounts: z.array(
              z.strictObject({ name: z.string(), mountPath: z.string(), readOnly: z.literal(true) }),
            ),
          }),
        ),
        volumes: z.array(
          z.strictObject({
            name: z.string(),
            configMap: z.strictObject({ name: z.string() }).optional(),
            secret: z.strictObject({ secretName: z.string(), defaultMode: z.int() }).optional(),
          }),
        ),
      }),
    }),
  }),
});

const serviceSchema = z.strictObject({
  apiVersion: z.literal('v1'),
  kind: z.literal('Service'),
  metadata,
  spec: z.strictObject({
    type: z.literal('ClusterIP'),
    selector: labels,
    ports: z.array(z.strictObject({ name: z.string(), port: z.int(), targetPort: z.string() })),
  }),
});

const policyPort = z.strictObject({ protocol: z.enum(['TCP', 'UDP']), port: z.union([z.int(), z.string()]) });
const peer = z.strictObject({ namespaceSelector: selector, podSelector: selector.optional() });
const policySchema = z.strictObject({
  apiVersion: z.literal('networking.k8s.io/v1'),
  kind: z.literal('NetworkPolicy'),
  metadata,
  spec: z.strictObject({
    podSelector: selector,
    policyTypes: z.array(z.enum(['Ingress', 'Egress'])),
    ingress: z.array(z.strictObject({ from: z.array(peer), ports: z.array(policyPort) })),
    egress: z.array(z.strictObject({ to: z.array(peer).optional(), ports: z.array(policyPort) })),
  }),
});

const budgetSchema = z.strictObject({
  apiVersion: z.literal('policy/v1'),
  kind: z.literal('PodDisruptionBudget'),
  metadata,
  spec: z.strictObject({ minAvailable: z.int(), selector }),
});
const accountSchema = z.strictObject({
  apiVersion: z.literal('v1'),
  kind: z.literal('ServiceAccount'),
  metadata,
  automountServiceAccountToken: z.boolean(),
});
const namespaceSchema = z.strictObject({ apiVersion: z.literal('v1'), kind: z.literal('Namespace'), metadata });
const secretSchema = z.strictObject({
  apiVersion: z.literal('v1'),
  kind: z.literal('Secret'),
  metadata,
  type: z.literal('Opaque'),
  stringData: labels,
});

const deployment = deploymentSchema.parse(parse(read('deployment.yaml')));
const pod = deployment.spec.template.spec;
const [broker, ...otherContainers] = pod.containers;
const services = parseAllDocuments(read('services.yaml')).map((document) => serviceSchema.parse(document.toJS()));
const policy = policySchema.parse(parse(read('network-policy.yaml'))).spec;
const budget = budgetSchema.parse(parse(read('disruption-budget.yaml'))).spec;
const account = accountSchema.parse(parse(read('service-account.yaml')));
const namespace = namespaceSchema.parse(parse(read('namespace.yaml')));
const secret = secretSchema.parse(parse(read('secret.example.yaml')));

let config: Awaited<ReturnType<typeof loadExample>>;
beforeAll(async () => {
  config = await loadExample(`${manifests}/valetkey.config.yaml`, secretsFolder, folder);
});

describe('the manifests of Kubernetes', () => {
  test('the kustomization lists every manifest except the example of the Secret', () => {
    const files = readdirSync(join(root, manifests)).filter((file) => file.endsWith('.yaml'));
    const listed = [...kustomization.resources, ...kustomization.configMapGenerator.flatMap((each) => each.files)];
    expect([...listed, 'kustomization.yaml', 'secret.example.yaml'].toSorted()).toEqual(files.toSorted());
    expect([kustomization.namespace, secret.metadata.namespace]).toEqual([
      namespace.metadata.name,
      namespace.metadata.name,
    ]);
    expect(kustomization.images.map(({ name }) => name)).toEqual([broker?.image]);
    expect(otherContainers).toEqual([]);
  });

  test('the ports of the pods are those on which the broker listens by its configuration', () => {
    expect(broker?.ports).toEqual([
      { name: 'public', containerPort: config.listen.port },
      { name: 'admin', containerPort: config.admin.port },
    ]);
    expect([config.listen.host, config.admin.host]).toEqual(['0.0.0.0', '0.0.0.0']);
  });

  test('the probes call the public listener, and only readiness depends on the store', () => {
    expect([broker?.startupProbe, broker?.readinessProbe, broker?.livenessProbe].map((each) => each?.httpGet)).toEqual([
      { path: '/healthz', port: 'public' },
      { path: '/readyz', port: 'public' },
      { path: '/healthz', port: 'public' },
    ]);
    // The broker accepts calls for two seconds after SIGTERM. The pause of preStop is long enough for two probes.
    const { periodSeconds = 0, failureThreshold = 0 } = broker?.readinessProbe ?? {};
    expect(periodSeconds * failureThreshold).toBeLessThanOrEqual(broker?.lifecycle.preStop.sleep.seconds ?? 0);
  });

  test('the pods get more time to stop than preStop and the broker need', () => {
    const needed = (broker?.lifecycle.preStop.sleep.seconds ?? 0) + longestStopSeconds(config.shutdown.timeoutMs);
    expect(pod.terminationGracePeriodSeconds).toBeGreaterThanOrEqual(needed + 5);
  });

  test('the pods have no rights that the broker does not need', () => {
    expect(pod.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: 1000, fsGroup: 1000 });
    expect(broker?.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    });
    expect([pod.automountServiceAccountToken, account.automountServiceAccountToken]).toEqual([false, false]);
    expect(pod.serviceAccountName).toBe(account.metadata.name);
    expect(namespace.metadata.labels).toEqual({ 'pod-security.kubernetes.io/enforce': 'restricted' });
    expect(broker?.resources).toMatchObject({ requests: { memory: '256Mi' }, limits: { memory: '512Mi' } });
  });

  test('every selector selects the pods of the Deployment', () => {
    const { labels: own } = deployment.spec.template.metadata;
    const selectors = [
      deployment.spec.selector.matchLabels,
      budget.selector.matchLabels,
      policy.podSelector.matchLabels,
      ...services.map(({ spec }) => spec.selector),
      ...pod.topologySpreadConstraints.map(({ labelSelector }) => labelSelector.matchLabels),
    ];
    expect(new Set(selectors.map((each) => JSON.stringify(each)))).toEqual(new Set([JSON.stringify(own)]));
  });

  test('three pods are spread over nodes and zones, and at most one is taken away at once', () => {
    expect(deployment.spec.replicas).toBe(3);
    expect(deployment.spec.strategy.rollingUpdate).toEqual({ maxSurge: 1, maxUnavailable: 0 });
    expect(budget.minAvailable).toBe(deployment.spec.replicas - 1);
    expect(pod.topologySpreadConstraints.map(({ topologyKey }) => topologyKey)).toEqual([
      'topology.kubernetes.io/zone',
      'kubernetes.io/hostname',
    ]);
  });

  test('the public and the admin port have Services of their own, whose names the admin listener accepts', () => {
    expect(
      services.map(({ metadata: { name }, spec: { ports } }) => [name, ...ports.map((each) => each.targetPort)]),
    ).toEqual([
      ['valetkey', 'public'],
      ['valetkey-admin', 'admin'],
    ]);
    const admin = services[1]?.metadata.name ?? '';
    expect(config.admin.hostNames).toEqual([admin, `${admin}.${namespace.metadata.name}.svc`]);
    expect(services[1]?.spec.ports[0]?.port).toBe(config.admin.port);
  });

  test('the network policy lets in each port from one labelled namespace, and out only what the broker calls', () => {
    expect(policy.policyTypes).toEqual(['Ingress', 'Egress']);
    const labelled = policy.ingress.map(({ from, ports }) => [
      from.map(({ namespaceSelector }) => namespaceSelector.matchLabels),
      ports.map(({ port }) => port),
    ]);
    expect(labelled).toEqual([
      [[{ 'valetkey-access': 'public' }], ['public']],
      [[{ 'valetkey-access': 'admin' }], ['admin']],
    ]);
    const dns = policy.egress.filter(({ to }) => to !== undefined);
    expect(dns.map(({ ports }) => ports)).toEqual([
      [
        { protocol: 'UDP', port: 53 },
        { protocol: 'TCP', port: 53 },
      ],
    ]);
    const open = policy.egress
      .filter(({ to }) => to === undefined)
      .flatMap(({ ports }) => ports.map(({ port }) => port));
    expect(open).toEqual([5432, 6379, 443]);
  });

  test('the pods mount the configuration and the secrets where the image and the configuration expect them', () => {
    const volumeOf = (path: string) => {
      const name = broker?.volumeMounts.find(({ mountPath }) => mountPath === path)?.name;
      return pod.volumes.find((volume) => volume.name === name);
    };
    expect(volumeOf('/etc/valetkey')?.configMap?.name).toBe(kustomization.configMapGenerator[0]?.name);
    expect(volumeOf(secretsFolder)?.secret).toEqual({ secretName: secret.metadata.name, defaultMode: 0o440 });
  });

  test('a changed ConfigMap or Secret arrives in running pods, because its name stays and no file of it is mounted by itself', () => {
    expect(kustomization.generatorOptions).toEqual({ disableNameSuffixHash: true });
    // The strict schema refuses `subPath`, with which a pod keeps the files that it began with.
    expect(broker?.volumeMounts.map(({ mountPath }) => mountPath)).toEqual(['/etc/valetkey', secretsFolder]);
    expect(config.reload.watch).toBe(true);
  });

  test('the example of the Secret has each secret of the configuration, and no value', () => {
    const names = listSecretFiles(`${manifests}/valetkey.config.yaml`, secretsFolder);
    expect(Object.keys(secret.stringData).toSorted()).toEqual(names.toSorted());
    for (const value of Object.values(secret.stringData)) expect(value).toMatch(/^<.+>$/);
  });

  test('the commands of the page name objects of the manifests', () => {
    const page = readFileSync(join(root, 'docs/deploy.md'), 'utf8');
    const named = [...page.matchAll(/\b(deployment|service)\/([a-z-]+)/g)].map(([text]) => text);
    const known = new Set([
      `deployment/${deployment.metadata.name}`,
      ...services.map(({ metadata: { name } }) => `service/${name}`),
    ]);
    expect(named.length).toBeGreaterThan(4);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
    const access = [...page.matchAll(/valetkey-access=(\w+)/g)].map(([, value]) => value);
    expect(access).toEqual(['public', 'admin']);
  });
});
