#!/usr/bin/env node
// Checked before the broker is imported: an older Node would fail on that import with a stack trace.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major > 22 || (major === 22 && minor >= 19)) {
  suppressSqliteWarning();
  await import('./command.ts');
} else {
  process.stderr.write(`valetkey: requires Node 22.19 or later; this is ${process.versions.node}\n`);
  process.exitCode = 1;
}

/**
 * Suppresses the warning of Node 22 that SQLite is experimental. The tests of the broker also run on Node 22, and cover every SQLite function
 * that the broker uses.
 */
function suppressSqliteWarning(): void {
  const emitWarning = process.emitWarning.bind(process) as (warning: string | Error, ...details: unknown[]) => void;
  process.emitWarning = (warning: string | Error, ...details: unknown[]) => {
    if (!String(warning).startsWith('SQLite is an experimental feature')) emitWarning(warning, ...details);
  };
}
