import { createValetClient, nymblFetch, ValetError } from '@valetkey/client-sdk';

const broker = createValetClient({
  brokerUrl: process.env['BROKER_URL'] ?? 'http://127.0.0.1:8787',
  // The server has no user of its own: each request brings its user's token.
  getAppToken: () => null,
});

/** Lists Nymbl's patients as the user of the request. The browser refreshes the token, this server never does. */
export async function GET(request: Request): Promise<Response> {
  const [, token] = /^Bearer (\S+)$/.exec(request.headers.get('authorization') ?? '') ?? [];
  if (token === undefined) return Response.json({ code: 'signed_out' }, { status: 401 });
  try {
    const nymbl = nymblFetch(broker.forUser(() => token));
    const response = await nymbl('/Patients?$top=3', { signal: request.signal });
    if (!response.ok) return Response.json({ code: 'vendor_unavailable' }, { status: 502 });
    const { value } = (await response.json()) as { value: { first_name: string; last_name: string }[] };
    return Response.json({ patients: value.map(({ first_name, last_name }) => `${first_name} ${last_name}`) });
  } catch (error) {
    if (!ValetError.isInstance(error)) throw error;
    // 401 tells `login.fetch` in the browser to refresh the token and to try once more.
    const status = error.code === 'invalid_token' ? 401 : 502;
    return Response.json({ code: error.code }, { status });
  }
}
