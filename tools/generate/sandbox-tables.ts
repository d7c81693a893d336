import type { Simulation } from '@valetkey/sandbox';
import { z } from 'zod';
import { describeDefault, describeType, renderTable } from './config-reference.ts';
import { toIdentifier } from './names.ts';
import type { JsonSchema } from './json-schema.ts';

/** Returns the table of all services, for the README of the sandbox. */
export function renderServices(all: readonly Pick<Simulation, 'services'>[]): string {
  const rows = all.flatMap(({ services }) =>
    Object.entries(services).map(([name, { simulates }]) => [`\`/${name}\``, `\`${toIdentifier(name)}\``, simulates]),
  );
  return renderTable(['path', '`urls`', 'simulates'], rows);
}

/** Returns the table of the options of each simulation. */
export function renderSimulationOptions(all: readonly Pick<Simulation, 'id' | 'options'>[]): string {
  const rows = all.flatMap(({ id, options }) => {
    const { properties = {} } = z.toJSONSchema(options, { io: 'input', unrepresentable: 'any' }) as JsonSchema;
    return Object.entries(properties).map(([name, field]) => [
      `\`${id}\``,
      `\`${name}\``,
      describeType(field),
      describeDefault(field),
      field.description ?? '',
    ]);
  });
  return renderTable(['simulation', 'option', 'type', 'default', 'meaning'], rows);
}

/** Returns the sentence that lists the issuers whose signing keys can be rotated. */
export function renderIssuers(all: readonly Pick<Simulation, 'signingKeys'>[]): string {
  const names = all.flatMap(({ signingKeys }) => Object.keys(signingKeys)).map((name) => `\`${name}\``);
  return `Keys can be rotated for these issuers: ${names.slice(0, -1).join(', ')} and ${names.at(-1)}.`;
}
