import { openBroker } from '../../broker';

async function serve(request: Request): Promise<Response> {
  const broker = await openBroker();
  return broker.fetch(request, { pathPrefix: '/tokens' });
}

export { serve as DELETE, serve as GET, serve as HEAD, serve as OPTIONS, serve as PATCH, serve as POST, serve as PUT };
