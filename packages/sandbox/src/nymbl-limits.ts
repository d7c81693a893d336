import type { Clock } from '@valetkey/core-types';

const perSecond = 2;
const burst = 5;
const perMonth = 10_000;

interface Account {
  tokens: number;
  filledAt: number;
  month: string;
  requests: number;
}

/**
 * Nymbl's documented limits, for each customer: 2 requests a second with bursts of 5, and 10,000 in a calendar month of
 * UTC. Answers what the gateway says to a request that would break one (by Amazon API Gateway's custom: a guess). A
 * request that is throttled does not count against the month.
 */
export const createNymblLimits = (clock: Clock): ((customer: string) => string | undefined) => {
  const accounts = new Map<string, Account>();

  return (customer) => {
    const now = clock.monotonicMs();
    const month = new Date(clock.nowMs()).toISOString().slice(0, 7);
    const account = accounts.get(customer) ?? { tokens: burst, filledAt: now, month, requests: 0 };
    accounts.set(customer, account);

    account.tokens = Math.min(burst, account.tokens + ((now - account.filledAt) / 1000) * perSecond);
    account.filledAt = now;
    if (account.month !== month) Object.assign(account, { month, requests: 0 });
    if (account.tokens < 1) return 'Too Many Requests';
    if (account.requests >= perMonth) return 'Limit Exceeded';
    account.tokens -= 1;
    account.requests += 1;
    return undefined;
  };
};
