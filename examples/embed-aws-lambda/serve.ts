import type { APIGatewayProxyEventV2, APIGatewayProxyStructuredResultV2 } from 'aws-lambda';
import type { Broker } from '@valetkey/broker';

/** Serves an event of a function URL, or of an HTTP API of API Gateway with the payload format 2.0. */
export async function serve(broker: Broker, event: APIGatewayProxyEventV2): Promise<APIGatewayProxyStructuredResultV2> {
  // The rest of your app.
  if (!event.rawPath.startsWith('/tokens/')) return { statusCode: 404 };
  // Only AWS writes this address. A client can write into the header `X-Forwarded-For`.
  const { sourceIp } = event.requestContext.http;
  return toResult(await broker.fetch(toRequest(event), { pathPrefix: '/tokens', clientAddress: sourceIp }));
}

function toRequest(event: APIGatewayProxyEventV2): Request {
  const { rawPath, rawQueryString, requestContext, body, isBase64Encoded } = event;
  const { method } = requestContext.http;
  const query = rawQueryString === '' ? '' : `?${rawQueryString}`;
  const headers = new Headers();
  for (const [name, value] of Object.entries(event.headers)) {
    if (value !== undefined && name.toLowerCase() !== 'content-length') headers.set(name, value);
  }
  const hasBody = body !== undefined && method !== 'GET' && method !== 'HEAD';
  return new Request(`https://${requestContext.domainName}${rawPath}${query}`, {
    method,
    headers,
    body: hasBody ? Buffer.from(body, isBase64Encoded ? 'base64' : 'utf8') : null,
  });
}

async function toResult(response: Response): Promise<APIGatewayProxyStructuredResultV2> {
  const headers = Object.fromEntries(response.headers);
  delete headers['set-cookie'];
  return {
    statusCode: response.status,
    headers,
    cookies: response.headers.getSetCookie(),
    body: Buffer.from(await response.arrayBuffer()).toString('base64'),
    isBase64Encoded: true,
  };
}
