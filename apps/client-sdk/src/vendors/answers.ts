/** Nabla's session tokens for one patient. The refresh token is for the device; the broker never accepts it. */
export interface NablaAnswer {
  access_token: string;
  refresh_token: string;
}

/** Nudge's short-lived token, which is bound to the company's account. */
export interface NudgeAnswer {
  token: string;
}

/** Vital's sign-in token for the user `user_id`. It can be used once. */
export interface VitalAnswer {
  user_id: string;
  sign_in_token: string;
  environment: string;
  region: string;
}

/** The vendor's own fields that `valet.issue` resolves with, beside the common envelope. */
export interface VendorAnswers {
  nabla: NablaAnswer;
  nudge: NudgeAnswer;
  vital: VitalAnswer;
}
