import type { Broker } from '@valetkey/broker';
import express, { type Express } from 'express';

/** Creates the app. The broker is below `/tokens`, so that an app requests `/tokens/v1/vendors/nudge/token`. */
export function createApp(broker: Broker): Express {
  const app = express();
  app.disable('x-powered-by');
  // Before the body parsers, because the broker reads the bodies of its requests itself.
  app.use('/tokens', broker.handler);
  app.use(express.json());
  app.post('/echo', (request, response) => {
    response.json(request.body);
  });
  return app;
}
