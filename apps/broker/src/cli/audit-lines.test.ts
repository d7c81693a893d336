import { expect, test } from 'vitest';
import type { ListedDecision } from './listed-decisions.ts';
import { describeRow, explainDecision } from './audit-lines.ts';

const decision: ListedDecision = {
  at: '2026-01-01T14:02:03.000Z',
  request_id: 'r-1',
  operation: 'issue',
  connection: 'vital-eu',
  vendor: 'vital',
  issuer: 'https://id.example.com',
  subject: 'alice',
  outcome: 'forbidden',
  reason: 'requiredScopes: rooms',
  duration_ms: 3,
};

test('describeRow returns one line, which cannot control a terminal', () => {
  expect(describeRow({ ...decision, subject: 'al\u001b[31m\nice' })).toBe(
    '2026-01-01 14:02:03 UTC  forbidden  al?[31m?ice (https://id.example.com)  vital-eu  issue  requiredScopes: rooms  r-1',
  );
});

test.each<[Partial<ListedDecision>, string]>([
  [{}, 'The token lacked scopes that the rule `requiredScopes` of the connection names: rooms.'],
  [{ reason: 'requiredClaims: tier' }, 'Claims of the token did not have the values'],
  [{ reason: 'issuers' }, 'The rule `issuers` of the connection does not name this issuer.'],
  [
    { reason: 'allow', operation: 'proxy', method: 'GET' },
    'called the vendor through the connection vital-eu (vital): GET.',
  ],
  [{ reason: 'policy.default' }, 'No rule of the connection names the operation, and `policy.default` is deny.'],
  [{ reason: 'policy.decide' }, 'The function `policy.decide` of the connection did not allow it.'],
  [
    { reason: 'policy.decide: timeout', outcome: 'policy_unavailable' },
    'The function `policy.decide` of the connection did not allow it: timeout.',
  ],
  [{ reason: 'policy.rules.0: the claim tier' }, 'The reason was policy.rules.0: the claim tier.'],
  [
    { reason: undefined, outcome: 'allowed', observed: 'policy.rules.0, policy.rules.2' },
    'Rules that only observe would have refused it: policy.rules.0, policy.rules.2.',
  ],
  [{ reason: 'constructor', outcome: 'internal' }, 'The reason was constructor.'],
  [
    { reason: undefined, outcome: 'vendor_unavailable', vendor_status: 503 },
    'The vendor responded with the status 503.',
  ],
  [{ reason: undefined, outcome: 'allowed' }, 'The broker allowed it.'],
  [{ trace_id: '4bf92f3577b34da6a3ce929d0e0e4736' }, 'Its trace is 4bf92f3577b34da6a3ce929d0e0e4736.'],
  [{ reason: undefined, operation: 'map', vendor_user_id: 'u-1', outcome: 'allowed' }, 'received the vendor user u-1'],
])('explainDecision explains %j in a sentence', (changed, expected) => {
  expect(explainDecision({ ...decision, ...changed })).toContain(expected);
});

test('explainDecision says what the caller can do about a refusal', () => {
  expect(explainDecision(decision)).toContain('What the caller can do: Ask the operator to allow this call');
});
