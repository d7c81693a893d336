#!/usr/bin/env node
// Checked before anything else is imported: an older Node would fail on those imports with a stack trace.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major > 22 || (major === 22 && minor >= 19)) {
  suppressSqliteWarning();
  await import('./command.ts');
} else {
  process.stderr.write(`valetkey: requires Node 22.19 or later; this is ${process.versions.node}\n`);
  process.exitCode = 1;
}

/** Node 22 prints that SQLite is experimental. The broker's tests cover what it uses of SQLite on that version. */
function suppressSqliteWarning(): void {
  const emitWarning = process.emitWarning.bind(process) as (warning: string | Error, ...details: unknown[]) => void;
  process.emitWarning = (warning: string | Error, ...details: unknown[]) => {
    if (!String(warning).startsWith('SQLite is an experimental feature')) emitWarning(warning, ...details);
  };
}
