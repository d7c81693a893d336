import type { Command } from 'commander';
import { adminTokenVariable, defaultAdminUrl } from './admin-client.ts';

/** Adds the options by which a command finds the admin API: `--url` and `--config`. */
export function addAdminOptions(command: Command): Command {
  return command
    .option('--url <url>', 'Calls the admin listener at this URL.', defaultAdminUrl)
    .option(
      '--config <file>',
      `Reads the admin token from this configuration file. Absent: an admin token, or the access token of an operator, from the environment variable ${adminTokenVariable}.`,
    );
}
