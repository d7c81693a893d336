import type { VendorDefinition } from '@valetkey/core-types';
import { authgear } from './vendors/authgear.ts';
import { nabla } from './vendors/nabla.ts';
import { nudge } from './vendors/nudge.ts';
import { nymbl } from './vendors/nymbl.ts';
import { vital } from './vendors/vital.ts';

/** Every vendor there is, by its id. A new vendor is its file and its line here. */
export const vendors: Readonly<Record<string, VendorDefinition>> = {
  authgear,
  nabla,
  nudge,
  nymbl,
  vital,
};
