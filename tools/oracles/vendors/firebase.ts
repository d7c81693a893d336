import { generateKeyPairSync } from 'node:crypto';
import { cert, deleteApp, initializeApp } from 'firebase-admin/app';
import { getAuth } from 'firebase-admin/auth';
import { generatedSecret } from '../../../packages/vendor-clients/src/testing/oracle-fixtures.ts';
import { defineOracle, type CaseInput } from '../define-oracle.ts';
import { splitJwt } from '../jwt-parts.ts';
import { hostileText, nowSeconds } from '../sample-values.ts';

interface FirebaseCase extends CaseInput {
  readonly options: { readonly clientEmail: string; readonly tenantId?: string };
  readonly parameters: { readonly claims?: Readonly<Record<string, unknown>> };
}

const projectId = 'sample-project';
const options = { clientEmail: 'broker@sample-project.example' };
const given = { nowSeconds, secrets: { privateKey: generatedSecret }, options };

const { privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  publicKeyEncoding: { type: 'spki', format: 'pem' },
});

export const products = [
  defineOracle<FirebaseCase>({
    product: 'firebase',
    package: 'firebase-admin',
    cases: [
      { ...given, title: 'a custom token', userId: 'alice', parameters: {} },
      {
        ...given,
        title: 'a custom token of a tenant with claims',
        options: { ...options, tenantId: 'sample-tenant' },
        userId: 'alice',
        parameters: { claims: { role: 'editor', level: 3, active: true, teams: ['blue', 'red'] } },
      },
      {
        ...given,
        title: 'a custom token with hostile text as user and in a claim',
        userId: hostileText,
        parameters: { claims: { note: hostileText } },
      },
    ],
    async record({ options, userId, parameters: { claims } }) {
      const { clientEmail, tenantId } = options;
      const app = initializeApp({ credential: cert({ projectId, clientEmail, privateKey }) }, clientEmail);
      const auth = getAuth(app);
      const signer = tenantId === undefined ? auth : auth.tenantManager().authForTenant(tenantId);
      const token = await signer.createCustomToken(userId, claims);
      await deleteApp(app);
      return { jwt: splitJwt(token, { signature: false }) };
    },
  }),
];
