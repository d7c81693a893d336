import { assemble, loadConfig } from '@valetkey/broker';
import { createApp } from './app.ts';

const broker = assemble(await loadConfig('valetkey.config.yaml'));
const server = createApp(broker).listen(3000);

process.once('SIGTERM', () => {
  server.close(() => void broker.close());
});
