#!/usr/bin/env node
// Asked before anything else is loaded: an older Node fails on what is imported there, with a stack trace.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major > 22 || (major === 22 && minor >= 19)) {
  dropSqliteWarning();
  await import('./command.ts');
} else {
  process.stderr.write(`valetkey: needs Node 22.19 or later; this is ${process.versions.node}\n`);
  process.exitCode = 1;
}

/** Node 22 calls its SQLite experimental each time; what the broker uses of it is tested on that Node, too. */
function dropSqliteWarning(): void {
  const emitWarning = process.emitWarning.bind(process) as (warning: string | Error, ...details: unknown[]) => void;
  process.emitWarning = (warning: string | Error, ...details: unknown[]) => {
    if (!String(warning).startsWith('SQLite is an experimental feature')) emitWarning(warning, ...details);
  };
}
