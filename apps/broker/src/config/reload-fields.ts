import { z } from 'zod';

/** Parses the section `reload`. */
export const reloadFieldsSchema = z
  .strictObject({
    watch: z
      .boolean()
      .default(true)
      .describe(
        'Whether the broker looks for changes of the configuration file and of every file that it names, and then reloads the configuration. `false`: it reloads only after SIGHUP, and when a secret manager has another value.',
      ),
  })
  .prefault({})
  .describe('How a running broker notices a change of its configuration.');
