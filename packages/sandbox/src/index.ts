export { sandboxCredentials } from './credentials.ts';
export { createSeededRandom } from './random.ts';
export { createSandbox } from './sandbox.ts';
export { sandboxVendors } from './simulation.ts';

export type { AuthgearOptions, AuthgearState } from './authgear.ts';
export type { CallCounts } from './calls.ts';
export type { Sleep } from './deliver.ts';
export type { Fault, FaultRule } from './faults.ts';
export type { DevTokenRequest } from './idp.ts';
export type { NablaOptions, NablaState } from './nabla.ts';
export type { NudgeOptions, NudgeState } from './nudge.ts';
export type { NymblOptions, NymblState } from './nymbl.ts';
export type { Sandbox, SandboxIssuer, SandboxUrls } from './sandbox.ts';
export type { SandboxOptions } from './options.ts';
export type { SandboxVendor } from './simulation.ts';
export type { VitalOptions, VitalState } from './vital.ts';
export type { VitalUser } from './vital-users.ts';
