/** What `GET /` says. */
export const frontPage = `Valet Key sandbox: simulated vendors, for development and tests alone.

  /nabla       Nabla                   GET  /v1/server/jwt/patient/authenticate/{user_id}
  /nudge       Nudge                   GET  /api/clients/jwt/token
  /nymbl-idp   Nymbl, token endpoint   POST /oauth2/token
  /nymbl       Nymbl, API              GET  /Patients
  /authgear    Authgear                GET  /.well-known/openid-configuration, POST /dev-session {"sub":"alice"}
  /vital       Vital, API              POST /v2/user
  /vital-auth  Vital, auth host        POST /v1/token
  /idp         an OpenID provider      GET  /.well-known/openid-configuration, POST /dev-token {"sub":"alice"}

  GET    /_calls    how often each route was called
  DELETE /_calls    start counting again
  GET    /_faults   what goes wrong at present
  PUT    /_faults   {"faults":[{"vendor":"nabla","fault":{"type":"latency","delayMs":2000}}]}
  POST   /_state    {"nymbl":{"setClientSecrets":["next"],"revokeTokens":true},"keys":{"rotate":["authgear"]}}
`;
