import type { Sandbox, SandboxVendor } from '../index.ts';
import { postJson, request, type ReadResponse } from './request.ts';

/** Changes the state of a sandbox through `POST /_state`. Throws if the change is refused. */
export async function changeState(sandbox: Pick<Sandbox, 'origin'>, body: unknown): Promise<void> {
  const { status, text } = await postJson(`${sandbox.origin}/_state`, body);
  if (status !== 204) throw new Error(`POST /_state responded ${status}: ${text}`);
}

/** Makes a route fail with a status, calls it and returns the response. */
export async function failRoute(
  sandbox: Sandbox,
  vendor: SandboxVendor,
  route: string,
  status: number,
): Promise<ReadResponse> {
  sandbox.setFaults([{ vendor, route, fault: { type: 'status', status } }]);
  const [method = '', path = ''] = route.split(' ');
  return request(`${sandbox.origin}/${vendor}${path}`, { method });
}
