import { lstatSync, mkdirSync, type Stats } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { dirname, join, resolve } from 'node:path';

type Environment = Readonly<Record<string, string | undefined>>;

/** The bits of a mode that let other users write. */
const writableByOthers = 0o022;
/** The bit of a folder in which users can replace only their own files. */
const sticky = 0o1000;

/**
 * Keeps the compiled code of the command between its starts. Does nothing if `VALETKEY_COMPILE_CACHE` is `off`, or without a folder that
 * only this user may write: another user could put code there. Never throws, because the command also starts without the cache.
 */
export function keepCompiledCode(environment: Environment = process.env): void {
  const folder = findCacheFolder(environment);
  if (folder === undefined) return;
  const parent = dirname(resolve(folder));
  // Not `recursive`, with which Node never returns from some file systems, such as /proc.
  for (const path of [parent, folder]) createFolder(path);
  if (isOwn(folder) && isSafeParent(parent)) enableCompileCache(folder);
}

function createFolder(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch {
    // It exists, or its file system is read-only.
  }
}

/** Returns whether a path is a folder of this user, in which no other user can create a file. */
function isOwn(path: string): boolean {
  const facts = readFacts(path);
  return facts?.isDirectory() === true && facts.uid === process.getuid?.() && (facts.mode & writableByOthers) === 0;
}

/** Returns whether no other user, apart from root, can replace this user's folder in the folder `path`. */
function isSafeParent(path: string): boolean {
  const facts = readFacts(path);
  if (facts?.isDirectory() !== true || ![0, process.getuid?.()].includes(facts.uid)) return false;
  return (facts.mode & writableByOthers) === 0 || (facts.mode & sticky) !== 0;
}

function readFacts(path: string): Stats | undefined {
  try {
    return lstatSync(path);
  } catch {
    return undefined;
  }
}

/** Returns `VALETKEY_COMPILE_CACHE`, or the folder for caches of this service or of this user. */
export function findCacheFolder(environment: Environment): string | undefined {
  const { VALETKEY_COMPILE_CACHE: chosen, CACHE_DIRECTORY, XDG_CACHE_HOME, HOME } = environment;
  if (chosen === 'off') return undefined;
  if (chosen !== undefined && chosen !== '') return chosen;
  // systemd separates several folders by colons.
  const service = CACHE_DIRECTORY?.split(':')[0];
  if (service !== undefined && service !== '') return join(service, 'compiled');
  const caches = XDG_CACHE_HOME || (HOME && join(HOME, '.cache'));
  return caches === undefined || caches === '' ? undefined : join(caches, 'valetkey');
}
