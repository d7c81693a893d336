export { bearerToken, jsonResponse, noStore, oauthError, parseForm, parseJsonObject } from './engine/responses.ts';
export { control } from './engine/controls.ts';
export { createCredentialList, credentialsSchema } from './engine/credential-list.ts';
export { nowSeconds } from './engine/now-seconds.ts';
export { parseSandboxBody } from './engine/sandbox-body.ts';
export { createSeededRandom } from './engine/random.ts';
export { defineSimulation } from './engine/simulation.ts';
export { createSandbox, sandboxCredentials, sandboxVendors } from './sandbox.ts';
export { simulateRecipe } from './recipe/simulate-recipe.ts';
export { simulations } from './registry.ts';

export type { Call, Routes, SimulatedResponse, TokenFlaw } from './engine/responses.ts';
export type { Control } from './engine/controls.ts';
export type { CredentialList } from './engine/credential-list.ts';
export type { Fault } from './engine/faults.ts';
export type { SigningAlgorithm, SigningAlgorithms, SigningKeys, SignOptions } from './engine/signing-keys.ts';
export type {
  AcceptedIssuer,
  ConnectionDependencies,
  PrivateKeyKind,
  RunningSimulation,
  Service,
  ServiceSummary,
  Simulation,
  SimulationDefinition,
  SimulationDependencies,
} from './engine/simulation.ts';
export type { RecipeSimulation } from './recipe/simulate-recipe.ts';
export type { Sleep } from './engine/sleep.ts';
export type { DevTokenRequest } from './identity/idp-tokens.ts';
export type {
  CallCounts,
  FaultRule,
  Sandbox,
  SandboxIssuer,
  SandboxOptions,
  SandboxUrls,
  SandboxVendor,
} from './sandbox.ts';
export type {
  AuthgearOptions,
  AuthgearState,
  NablaOptions,
  NablaState,
  NudgeOptions,
  NudgeState,
  NymblOptions,
  NymblState,
  VitalOptions,
  VitalState,
} from './vendor-aliases.ts';
export type { VitalUser } from './vendors/vital/vital-users.ts';
