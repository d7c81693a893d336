#!/usr/bin/env node
// Asked before anything else is loaded: an older Node fails on what is imported there, with a stack trace.
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
if (major > 22 || (major === 22 && minor >= 19)) {
  await import('./command.ts');
} else {
  process.stderr.write(`valetkey: needs Node 22.19 or later; this is ${process.versions.node}\n`);
  process.exitCode = 1;
}
