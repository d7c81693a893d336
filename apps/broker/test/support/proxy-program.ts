import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isProgramAvailable } from './required-program.ts';

/** A program that stands in front of the broker or of a service. `frame` adds to a configuration what a test needs. */
interface ProxyProgram {
  readonly frame: (text: string, folder: string) => string;
  readonly arguments: (file: string, folder: string) => string[];
  readonly versionArgument: string;
}

const programs = {
  nginx: {
    frame: (text, folder) => `
      user root; daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log stderr;
      events {}
      http {
        access_log off;
        client_body_temp_path ${folder}/body; proxy_temp_path ${folder}/proxy;
        fastcgi_temp_path ${folder}/f; uwsgi_temp_path ${folder}/u; scgi_temp_path ${folder}/s;
        ${text}
      }`,
    arguments: (file, folder) => ['-p', folder, '-c', file],
    versionArgument: '-v',
  },
  caddy: {
    frame: (text) => `{\n  admin off\n  auto_https off\n}\n${text}`,
    arguments: (file) => ['run', '--config', file, '--adapter', 'caddyfile'],
    versionArgument: 'version',
  },
  haproxy: {
    frame: (text) => `${text}\n`,
    arguments: (file) => ['-db', '-f', file],
    versionArgument: '-v',
  },
} satisfies Record<string, ProxyProgram>;

export type ProxyName = keyof typeof programs;

/** Returns the programs that are installed. Throws if one is missing and `CI` is set. */
export async function findInstalledProxies(names: readonly ProxyName[]): Promise<ReadonlySet<ProxyName>> {
  const installed = new Set<ProxyName>();
  for (const name of names) {
    const probe = () => {
      const { error } = spawnSync(name, [programs[name].versionArgument]);
      if (error !== undefined) throw error;
    };
    if (await isProgramAvailable({ name, probe, remediation: `Install ${name}.` })) installed.add(name);
  }
  return installed;
}

/** Returns the first configuration in this language on a page of `docs`, with the ports of a test. */
export function readDocumentedConfig(page: string, language: string, ports: Readonly<Record<string, number>>): string {
  const markdown = readFileSync(new URL(`../../../../docs/${page}`, import.meta.url), 'utf8');
  const [, text = ''] = new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 's').exec(markdown) ?? [];
  return text.replaceAll(/127\.0\.0\.1:(\d+)/g, (_address, port: string) => `127.0.0.1:${ports[port]}`);
}

/** Starts a program with a configuration. Its process and its folder are removed with the returned resource. */
export async function startProxyProgram(name: ProxyName, text: string): Promise<AsyncDisposable> {
  await using resources = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'valetkey-proxy-'));
  resources.defer(() => rm(folder, { recursive: true }));
  const file = join(folder, 'proxy.conf');
  await writeFile(file, programs[name].frame(text, folder));
  const child = spawn(name, programs[name].arguments(file, folder), {
    stdio: 'ignore',
    env: { ...process.env, HOME: folder, XDG_CONFIG_HOME: folder, XDG_DATA_HOME: folder },
  });
  resources.defer(async () => {
    child.kill();
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  });
  return resources.move();
}
