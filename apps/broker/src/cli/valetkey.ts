#!/usr/bin/env node
// Checked before the broker is imported: an older Node would fail on that import with a stack trace.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major > 22 || (major === 22 && minor >= 19)) {
  suppressExperimentalWarnings();
  const { keepCompiledCode } = await import('./compile-cache.ts');
  keepCompiledCode();
  await import('./command.ts');
} else {
  process.stderr.write(`valetkey: requires Node 22.19 or later; this is ${process.versions.node}\n`);
  process.exitCode = 1;
}

/**
 * Suppresses the warnings of Node that SQLite and the removal of types are experimental. The tests of the broker also run on Node 22, and
 * cover every such function that the broker uses.
 */
function suppressExperimentalWarnings(): void {
  const emitWarning = process.emitWarning.bind(process) as (warning: string | Error, ...details: unknown[]) => void;
  process.emitWarning = (warning: string | Error, ...details: unknown[]) => {
    if (!/^(?:SQLite|stripTypeScriptTypes) is an experimental feature/.test(String(warning)))
      emitWarning(warning, ...details);
  };
}
