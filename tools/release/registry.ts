import { execFileSync, fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A registry on this machine, with an account that may publish. */
export interface Registry {
  /** `http://127.0.0.1:4873` */
  readonly url: string;
  /** Makes pnpm publish to this registry, as an account that may. */
  readonly account: Readonly<Record<string, string>>;
  /** Makes npm install from this registry alone. */
  readonly visitor: Readonly<Record<string, string>>;
  readonly close: () => void;
}

/** Starts a registry that keeps everything in `folder`. It gets packages that are not ours from the registry of this machine. */
export async function startRegistry(folder: string): Promise<Registry> {
  mkdirSync(folder, { recursive: true });
  const upstreamUrl = execFileSync('npm', ['config', 'get', 'registry'], { cwd: folder, encoding: 'utf8' }).trim();
  const child = fork(join(import.meta.dirname, 'serve-registry.ts'), [folder, upstreamUrl], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const exited = once(child, 'exit').then(([code]) =>
    Promise.reject(new Error(`Verdaccio ended with ${String(code)}.`)),
  );
  const [url] = (await Promise.race([once(child, 'message'), exited])) as [string];
  exited.catch(() => undefined);
  // A shell would not pass on a variable that contains the URL, so the token is in pnpm's file for the user.
  const settings = join(folder, 'settings');
  mkdirSync(join(settings, 'pnpm'), { recursive: true });
  const token = await createAccount(url);
  writeFileSync(join(settings, 'pnpm/auth.ini'), `${url.replace('http:', '')}/:_authToken=${token}\n`);
  return {
    url,
    account: { pnpm_config_registry: `${url}/`, XDG_CONFIG_HOME: settings },
    visitor: { npm_config_registry: `${url}/`, npm_config_cache: join(folder, 'npm-cache') },
    close: () => child.kill(),
  };
}

async function createAccount(url: string): Promise<string> {
  const account = { name: 'rehearsal', password: 'a password of the rehearsal alone' };
  const response = await fetch(`${url}/-/user/org.couchdb.user:${account.name}`, {
    method: 'PUT',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(account),
  });
  const { token } = (await response.json()) as { token?: string };
  if (token === undefined) throw new Error(`Verdaccio refuses an account with status ${response.status}.`);
  return token;
}
