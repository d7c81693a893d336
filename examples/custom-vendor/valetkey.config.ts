import { defineConfig } from '@valetkey/broker';
import { acme } from './acme.ts';

export default defineConfig({
  issuers: [{ issuer: 'https://id.example.com', audiences: ['my-api'] }],
  adapters: [acme],
  vendors: {
    acme: {
      apiKey: '${env:ACME_API_KEY}',
      user: { ensure: true },
    },
  },
});
