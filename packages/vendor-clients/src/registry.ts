import type { VendorDefinition } from '@valetkey/core-types';
import { authgear } from './vendors/authgear.ts';
import { nabla } from './vendors/nabla.ts';
import { nudge } from './vendors/nudge.ts';
import { nymbl } from './vendors/nymbl.ts';
import { vital } from './vendors/vital.ts';

/** Every vendor there is, by its id. A new vendor is its file and its line here. */
export const vendors = {
  authgear,
  nabla,
  nudge,
  nymbl,
  vital,
} as const satisfies Readonly<Record<string, VendorDefinition>>;
