/** Nabla's session tokens for one patient. The refresh token is used on the device, never at the broker. */
export interface NablaAnswer {
  access_token: string;
  refresh_token: string;
}

/** Nudge's short-lived token, which speaks for the company's account. */
export interface NudgeAnswer {
  token: string;
}

/** Vital's sign-in token: single use, for the user `user_id`. */
export interface VitalAnswer {
  user_id: string;
  sign_in_token: string;
  environment: string;
  region: string;
}

/** What `valet.issue` answers for each vendor beside the common envelope. */
export interface VendorAnswers {
  nabla: NablaAnswer;
  nudge: NudgeAnswer;
  vital: VitalAnswer;
}
