// What the recipes of Stripe share. Each of them is complete without the others.
import type { RecipeInput } from '../../recipe/recipe-schema.ts';

/** The options of each product that works for the own account or for a connected one. */
export const stripeOptions = {
  apiVersion: {
    description: 'The version of Stripe’s API.',
    characters: 'A-Za-z0-9.;_=-',
    default: '2026-10-28.endive',
  },
  account: {
    description: 'The id of a connected account on whose behalf Stripe is called. Absent: your own account.',
    characters: 'A-Za-z0-9_',
    optional: true,
  },
} as const satisfies RecipeInput['options'];

export const stripeHeaders = {
  authorization: 'Bearer {secrets.secretKey}',
  'stripe-version': '{options.apiVersion}',
  'stripe-account': '{options.account}',
} as const;

/** What a refusal of the key for its permissions means. */
export const stripePermissionError = {
  status: 403,
  code: 'vendor_auth_failed',
  detail: 'The configured key lacks a permission, or may not act for the connected account.',
  advice: 'Compare the permissions of the key with the page of this vendor, and check `account`.',
} as const;

/** The customer of a user: created once, then stored. */
export const stripeCustomers = {
  subject: { characters: 'A-Za-z0-9_-', max: 255, otherwise: 'hash' },
  ensure: {
    rule: 'create-once-and-store',
    create: {
      method: 'POST',
      path: '/v1/customers',
      headers: { ...stripeHeaders, 'idempotency-key': 'valetkey:{user.id}' },
      form: { metadata: { valetkey_user: '{user.id}' } },
      repeatable: true,
    },
    userId: '{created.id}',
  },
  errors: [
    {
      status: 400,
      when: { 'error.code': 'resource_missing', 'error.param': 'customer' },
      code: 'vendor_rejected',
      detail: 'Stripe does not have the customer of this user.',
      advice:
        'Check that `secretKey` belongs to the account and the mode (live or sandbox) in which the customer was created. If the customer was deleted on purpose, delete its mapping with `DELETE /v1/vendor-users`.',
    },
    stripePermissionError,
  ],
  verify: {
    method: 'GET',
    path: '/v1/customers',
    query: { limit: 1, created: { lt: 1 } },
    headers: stripeHeaders,
    repeatable: true,
  },
} as const satisfies Partial<RecipeInput>;
