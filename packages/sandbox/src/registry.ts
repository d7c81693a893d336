// Written by `pnpm generate` from the folders of vendors/.
import { authgear } from './vendors/authgear/authgear.ts';
import { nabla } from './vendors/nabla/nabla.ts';
import { nudge } from './vendors/nudge/nudge.ts';
import { nymbl } from './vendors/nymbl/nymbl.ts';
import { vital } from './vendors/vital/vital.ts';

/** The simulated vendors, in alphabetical order. */
export const simulations = [authgear, nabla, nudge, nymbl, vital] as const;
