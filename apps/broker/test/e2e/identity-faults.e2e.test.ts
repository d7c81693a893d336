import type { Fault, Sandbox } from '@valetkey/sandbox';
import { describe, test } from 'vitest';
import {
  expectedOutcomes,
  findAftermath,
  isEndless,
  meetEveryFault,
  readOutcome,
  waitForArrival,
  type Exceptions,
  type Outcome,
} from '../support/fault-outcomes.ts';
import { createConfigFor, startRecordingBroker } from '../support/recording-broker.ts';

/** One route of an identity provider. */
interface Target {
  readonly vendor: 'idp' | 'authgear';
  readonly route: string;
  /** Whether Authgear's tokens are opaque, so that the broker calls its resolver. */
  readonly opaque?: boolean;
  readonly exceptions?: Exceptions;
}

const targets: Readonly<Record<string, Target>> = {
  "an OpenID provider's discovery": { vendor: 'idp', route: 'GET /.well-known/openid-configuration' },
  "an OpenID provider's keys": { vendor: 'idp', route: 'GET /jwks' },
  "Authgear's keys": { vendor: 'authgear', route: 'GET /oauth2/jwks' },
  "Authgear's resolver": {
    vendor: 'authgear',
    route: 'GET /_resolver/resolve',
    opaque: true,
    exceptions: {
      // The resolver responds in headers; the broker ignores its body.
      'malformed JSON': 'ok',
      'an empty body': 'ok',
      'a response byte by byte': 'ok',
      'a huge body': 'ok',
      'a huge compressed body': 'ok',
      'a reset in the body': 'ok',
      'a truncated body': 'ok',
      // The caller is the user whom the resolver names.
      'data of another user': 'data of another user',
      // The headers of these responses say that the session is not valid.
      '200 with another body': 'invalid_token',
      '200 with a text': 'invalid_token',
    },
  },
};

/** Lets the identity provider have one fault during one call, and returns what the caller received and what is wrong. */
async function callWithFault(target: Target, sandbox: Sandbox, fault: Fault, leave: () => void) {
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
    leave();
  }
  const received = await readOutcome(await call);
  return {
    outcome: received.outcome,
    problems: [...received.problems, ...(await findAftermath(broker, token, received))],
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
    'a broker turns each fault of %s into `identity_unavailable`, never into a 401, and leaks nothing',
    { timeout: 600_000 },
    async ([, target], { expect }) => {
      const { outcomes, problems, visits } = await meetEveryFault(
        (sandbox, _name, ...fault) => callWithFault(target, sandbox, ...fault),
        { authgear: { accessTokens: target.opaque === true ? 'opaque' : 'jwt' } },
      );
      const toOutcome = (usual: Outcome) => (usual === 'ok' ? 'ok' : 'identity_unavailable');
      expect(outcomes).toEqual(expectedOutcomes(target.exceptions ?? {}, toOutcome));
      expect(problems).toEqual([]);
      expect(visits).toEqual([]);
    },
  );
});
