import { serve } from '@hono/node-server';
import { assemble, loadConfig } from '@valetkey/broker';
import { createApp } from './app.ts';

const broker = assemble(await loadConfig('valetkey.config.yaml'));
const server = serve({ fetch: createApp(broker).fetch, port: 3000 });

process.once('SIGTERM', () => {
  server.close(() => void broker.close());
});
