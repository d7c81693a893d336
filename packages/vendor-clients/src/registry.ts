// Written by `pnpm generate` from the folders of vendors/.
import type { VendorDefinition } from '@valetkey/core-types';
import { authgear } from './vendors/authgear/authgear.ts';
import { nabla } from './vendors/nabla/nabla.ts';
import { nudge } from './vendors/nudge/nudge.ts';
import { nymbl } from './vendors/nymbl/nymbl.ts';
import { vital } from './vendors/vital/vital.ts';

/** Every vendor, by its id. */
export const vendors = {
  authgear,
  nabla,
  nudge,
  nymbl,
  vital,
} as const satisfies Readonly<Record<string, VendorDefinition>>;
