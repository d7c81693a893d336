import type { Problem } from './repository.ts';

/**
 * What broke the rules of function length and file circles when they were introduced: `<package> <function>` or
 * `<package> circle`. Nothing is added here; a line goes when its function or circle is mended, and the file with the
 * last line.
 */
const knownOffenders: ReadonlySet<string> = new Set([
  'broker addAdminRoutes',
  'broker createBroker',
  'broker fromStore',
  'client-sdk createValetClient',
  'jwt-verify createJwtVerifier',
  'jwt-verify createRemoteKeySource',
  'jwt-verify createTokenVerification',
  'jwt-verify verifyJwt',
  'sandbox circle',
  'sandbox createAuthgear',
  'sandbox createAuthgearSessions',
  'sandbox createIdp',
  'sandbox createNabla',
  'sandbox createNymbl',
  'sandbox createNymblIdp',
  'sandbox createSandbox',
  'sandbox createServer',
  'sandbox createVital',
  'sandbox createVitalGoogleRoutes',
  'sandbox createVitalUsers',
  'sandbox parseFilter',
  'token-cache circle',
  'token-cache createEntries',
  'token-cache createTokenCache',
  'token-cache recordStoreConformance',
  'token-cache startRenewal',
  'vendor-clients connect',
  'vendor-clients openDoor',
]);

/** Separates the problems that are known from those to report. `mended` names entries that excuse nothing any more. */
export function excuseKnownOffenders(problems: readonly Problem[], known = knownOffenders) {
  const isKnown = ({ offender }: Problem) => offender !== undefined && known.has(offender);
  const seen = new Set(problems.map(({ offender }) => offender));
  return {
    problems: problems.filter((problem) => !isKnown(problem)),
    excused: problems.filter(isKnown),
    mended: [...known].filter((offender) => !seen.has(offender)),
  };
}
