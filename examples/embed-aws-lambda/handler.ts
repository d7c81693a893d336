import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { assemble, loadConfig } from '@valetkey/broker';
import { serve } from './serve.ts';

// AWS keeps this instance, and the broker in it, for later events. If the configuration cannot be used, it starts another one.
const broker = assemble(await loadConfig('valetkey.config.yaml'));

export async function handler(event: APIGatewayProxyEventV2) {
  return serve(broker, event);
}
