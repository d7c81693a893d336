import type { Sandbox, SandboxOptions } from './sandbox.ts';

// Names for the parts of five simulations. The parts of any other simulation have no name of their own: use
// `SandboxOptions['acme']` and `Sandbox['acme']`.

export type AuthgearOptions = NonNullable<SandboxOptions['authgear']>;
export type AuthgearState = Sandbox['authgear'];
export type NablaOptions = NonNullable<SandboxOptions['nabla']>;
export type NablaState = Sandbox['nabla'];
export type NudgeOptions = NonNullable<SandboxOptions['nudge']>;
export type NudgeState = Sandbox['nudge'];
export type NymblOptions = NonNullable<SandboxOptions['nymbl']>;
export type NymblState = Sandbox['nymbl'];
export type VitalOptions = NonNullable<SandboxOptions['vital']>;
export type VitalState = Sandbox['vital'];
