import { getConnInfo } from '@hono/node-server/conninfo';
import type { Broker } from '@valetkey/broker';
import { Hono } from 'hono';

/** Creates the app. The broker is below `/tokens`, so that an app requests `/tokens/v1/vendors/nudge/token`. */
export function createApp(broker: Broker): Hono {
  const app = new Hono();
  app.get('/', (context) => context.text('The rest of your app.'));
  app.all('/tokens/*', (context) => {
    const { address } = getConnInfo(context).remote;
    return broker.fetch(context.req.raw, { pathPrefix: '/tokens', clientAddress: address });
  });
  return app;
}
