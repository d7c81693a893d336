import type { Clock } from '@valetkey/core-types';

const perSecond = 2;
const maxBurst = 5;
const maxPerMonth = 10_000;

interface Account {
  tokens: number;
  filledAt: number;
  month: string;
  requests: number;
}

/**
 * Creates Nymbl's documented limits, for each customer: 2 requests a second with bursts of 5, and 10,000 in a calendar
 * month of UTC. Returns a function that counts a request and returns the gateway's message if the request breaks a limit.
 * The messages are a guess: those of Amazon API Gateway. A throttled request does not count against the month.
 */
export function createNymblLimits(clock: Clock): (customer: string) => string | undefined {
  const accounts = new Map<string, Account>();

  return (customer) => {
    const now = clock.monotonicMs();
    const month = new Date(clock.nowMs()).toISOString().slice(0, 7);
    const account = accounts.get(customer) ?? { tokens: maxBurst, filledAt: now, month, requests: 0 };
    accounts.set(customer, account);

    account.tokens = Math.min(maxBurst, account.tokens + ((now - account.filledAt) / 1000) * perSecond);
    account.filledAt = now;
    if (account.month !== month) Object.assign(account, { month, requests: 0 });
    if (account.tokens < 1) return 'Too Many Requests';
    if (account.requests >= maxPerMonth) return 'Limit Exceeded';
    account.tokens -= 1;
    account.requests += 1;
    return undefined;
  };
}
