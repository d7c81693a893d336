import { Stripe } from 'stripe';
import { defineOracle, type CaseInput } from '../define-oracle.ts';
import { hostileText, nowSeconds } from '../sample-values.ts';
import { recordRequest, type Exchange } from '../simulator.ts';

interface StripeCase extends CaseInput {
  readonly secrets: { readonly secretKey: string };
  readonly options: { readonly account?: string };
}

interface EphemeralKeyCase extends StripeCase {
  /** The API version that the mobile SDK requests. */
  readonly parameters: { readonly api_version: string };
}

interface CustomerSessionCase extends StripeCase {
  readonly parameters: { readonly components: Stripe.CustomerSessionCreateParams.Components };
}

interface AccountSessionCase extends StripeCase {
  readonly parameters: { readonly components: Stripe.AccountSessionCreateParams.Components };
}

interface ConnectionTokenCase extends StripeCase {
  readonly parameters: { readonly location?: string };
}

const expires = nowSeconds + 3600;
const given = { nowSeconds, secrets: { secretKey: 'sample-secret-key' }, options: {} };
const onAccount = { account: 'acct_sample' };

function recordCall(
  { secrets, options }: StripeCase,
  response: Exchange['response'],
  call: (client: Stripe) => Promise<unknown>,
) {
  const { account } = options;
  const behalf = account === undefined ? {} : { stripeAccount: account };
  return recordRequest({
    headers: ['authorization', 'content-type', 'stripe-account', 'stripe-version'],
    ignoredHeaders: ['idempotency-key'],
    response,
    send: () => call(new Stripe(secrets.secretKey, { ...behalf, maxNetworkRetries: 0, telemetry: false })),
  });
}

export const products = [
  defineOracle<EphemeralKeyCase>({
    product: 'stripe-ephemeral-key',
    package: 'stripe',
    cases: [
      { ...given, title: 'a key of a customer', userId: 'cus_sample', parameters: { api_version: '2025-06-30.basil' } },
      {
        ...given,
        title: 'a key of a customer of a connected account',
        options: onAccount,
        userId: 'cus_sample',
        parameters: { api_version: '2024-06-20' },
      },
      {
        ...given,
        title: 'a key of a customer whose id is hostile text',
        userId: hostileText,
        parameters: { api_version: '2025-06-30.basil' },
      },
    ],
    record: (input) =>
      recordCall(
        input,
        { id: 'ephkey_sample', object: 'ephemeral_key', expires, livemode: false, secret: 'sample-ephemeral-key' },
        (client) =>
          client.ephemeralKeys.create({ customer: input.userId }, { apiVersion: input.parameters.api_version }),
      ),
  }),
  defineOracle<CustomerSessionCase>({
    product: 'stripe-customer-session',
    package: 'stripe',
    cases: [
      {
        ...given,
        title: 'a session with the payment element',
        userId: 'cus_sample',
        parameters: { components: { payment_element: { enabled: true } } },
      },
      {
        ...given,
        title: 'a session of a connected account with features of several components',
        options: onAccount,
        userId: 'cus_sample',
        parameters: {
          components: {
            payment_element: {
              enabled: true,
              features: {
                payment_method_allow_redisplay_filters: ['always', 'limited'],
                payment_method_redisplay: 'enabled',
                payment_method_redisplay_limit: 5,
                payment_method_save: 'disabled',
              },
            },
            pricing_table: { enabled: false },
          },
        },
      },
      {
        ...given,
        title: 'a session of a customer whose id is hostile text',
        userId: hostileText,
        parameters: { components: { buy_button: { enabled: true } } },
      },
    ],
    record: (input) =>
      recordCall(
        input,
        {
          object: 'customer_session',
          client_secret: 'sample-client-secret',
          customer: input.userId,
          expires_at: expires,
        },
        (client) => client.customerSessions.create({ customer: input.userId, ...input.parameters }),
      ),
  }),
  defineOracle<AccountSessionCase>({
    product: 'stripe-account-session',
    package: 'stripe',
    cases: [
      {
        ...given,
        title: 'a session with the onboarding of an account',
        userId: 'acct_sample',
        parameters: { components: { account_onboarding: { enabled: true } } },
      },
      {
        ...given,
        title: 'a session with features of several components',
        userId: 'acct_sample',
        parameters: {
          components: {
            payments: {
              enabled: true,
              features: { refund_management: true, dispute_management: false, capture_payments: true },
            },
            payouts: { enabled: true, features: { instant_payouts: false, standard_payouts: true } },
            balances: { enabled: false },
          },
        },
      },
      {
        ...given,
        title: 'a session of an account whose id is hostile text',
        userId: hostileText,
        parameters: { components: { account_onboarding: { enabled: true } } },
      },
    ],
    record: (input) =>
      recordCall(
        input,
        {
          object: 'account_session',
          account: input.userId,
          client_secret: 'sample-client-secret',
          expires_at: expires,
        },
        (client) => client.accountSessions.create({ account: input.userId, ...input.parameters }),
      ),
  }),
  defineOracle<ConnectionTokenCase>({
    product: 'stripe-terminal',
    package: 'stripe',
    cases: [
      { ...given, title: 'a token for every reader', userId: 'alice', parameters: {} },
      {
        ...given,
        title: 'a token for the readers of one location of a connected account',
        options: onAccount,
        userId: 'alice',
        parameters: { location: 'tml_sample' },
      },
      {
        ...given,
        title: 'a token for a location of hostile text',
        userId: 'alice',
        parameters: { location: hostileText },
      },
    ],
    record: (input) =>
      recordCall(input, { object: 'terminal.connection_token', secret: 'sample-connection-token' }, (client) =>
        client.terminal.connectionTokens.create(input.parameters),
      ),
  }),
];
