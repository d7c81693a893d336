/**
 * Nabla's session tokens for one patient. Nabla's SDK on the device uses the refresh token; the broker never accepts
 * it.
 */
export interface NablaResponse {
  access_token: string;
  refresh_token: string;
}

/** Nudge's short-lived token, which is bound to the company's account. */
export interface NudgeResponse {
  token: string;
}

/** A sign-in token for the Vital user `user_id`. Vital accepts it once. */
export interface VitalResponse {
  user_id: string;
  sign_in_token: string;
  environment: string;
  region: string;
}

/** The fields of each vendor in the result of `valet.issue`. Fields that all vendors share are in `IssueEnvelope`. */
export interface VendorResponses {
  nabla: NablaResponse;
  nudge: NudgeResponse;
  vital: VitalResponse;
}
