import type { Fault, Sandbox } from '@valetkey/sandbox';
import { describe, test } from 'vitest';
import {
  expectedOutcomes,
  findProblemsAfter,
  isEndless,
  runEveryFault,
  readOutcome,
  waitForArrival,
  type OutcomeOverrides,
  type Outcome,
} from '../support/fault-outcomes.ts';
import { createConfigFor, startRecordingBroker } from '../support/recording-broker.ts';

/** One route of an identity provider. */
interface Target {
  readonly vendor: 'idp' | 'authgear';
  readonly route: string;
  /** Whether Authgear's tokens are opaque, so that the broker calls its resolver. */
  readonly opaque?: boolean;
  readonly overrides?: OutcomeOverrides;
}

const targets: Readonly<Record<string, Target>> = {
  "an OpenID provider's discovery": { vendor: 'idp', route: 'GET /.well-known/openid-configuration' },
  "an OpenID provider's keys": { vendor: 'idp', route: 'GET /jwks' },
  "Authgear's keys": { vendor: 'authgear', route: 'GET /oauth2/jwks' },
  "Authgear's resolver": {
    vendor: 'authgear',
    route: 'GET /_resolver/resolve',
    opaque: true,
    overrides: {
      // The resolver describes the session in headers, and the broker ignores its body.
      'malformed JSON': 'ok',
      'an empty body': 'ok',
      'a response byte by byte': 'ok',
      'a huge body': 'ok',
      'a huge compressed body': 'ok',
      'a reset in the body': 'ok',
      'a truncated body': 'ok',
      // The broker accepts the user that the resolver names.
      'data of another user': 'data of another user',
      // The headers of these responses say that the session is not valid.
      '200 with another body': 'invalid_token',
      '200 with a text': 'invalid_token',
    },
  },
};

/** Makes one call while the identity provider has a fault. Returns the outcome, and every problem that it found. */
async function callWithFault(target: Target, sandbox: Sandbox, fault: Fault, endTurn: () => void) {
  const { vendor, route, opaque = false } = target;
  sandbox.setFaults([]);
  const token = await (vendor === 'idp' ? sandbox.mintUserToken({ sub: 'alice' }) : signInAtAuthgear(sandbox));
  sandbox.setFaults([{ vendor, route, fault }]);
  const { vendors, ...config } = createConfigFor(sandbox, 1_000);
  const authgear = { ...vendors.authgear, resolver: opaque ? { cacheSeconds: 0 } : undefined };
  await using broker = await startRecordingBroker({ ...config, vendors: { ...vendors, authgear } });
  const call = broker.call('/v1/session', token);
  if (isEndless(fault)) {
    await waitForArrival(sandbox, target, call);
    endTurn();
  }
  const received = await readOutcome(await call);
  return {
    outcome: received.outcome,
    problems: [...received.problems, ...(await findProblemsAfter(broker, token, received))],
  };
}

async function signInAtAuthgear({ urls }: Sandbox): Promise<string> {
  const response = await fetch(`${urls.authgear}/dev-session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{"sub":"alice"}',
  });
  return ((await response.json()) as { access_token: string }).access_token;
}

describe.concurrent('faults of the identity providers', () => {
  test.for(Object.entries(targets))(
    'the broker responds with the expected outcome to each fault of %s, reveals no secret and follows no redirect',
    { timeout: 600_000 },
    async ([, target], { expect }) => {
      const { outcomes, problems, decoyRequests } = await runEveryFault(
        (sandbox, _name, ...fault) => callWithFault(target, sandbox, ...fault),
        { authgear: { accessTokens: target.opaque === true ? 'opaque' : 'jwt' } },
      );
      // A failed identity provider is never a 401, so that the app keeps its user signed in.
      const toOutcome = (usual: Outcome) => (usual === 'ok' ? 'ok' : 'identity_unavailable');
      expect(outcomes).toEqual(expectedOutcomes(target.overrides ?? {}, toOutcome));
      expect(problems).toEqual([]);
      expect(decoyRequests).toEqual([]);
    },
  );
});
