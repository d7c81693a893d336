import { requestAppToken } from './app-token.ts';
import { jsonBody, parseCallOptions, stringify } from './arguments.ts';
import { parseIssueResponse } from './broker-response.ts';
import { vendorUrl } from './broker-url.ts';
import type { CallOptions, IssueOptions, IssueParameters } from './call-options.ts';
import { observe } from './observe.ts';
import type { ParsedOptions } from './options.ts';
import type { ServerTime } from './server-time.ts';
import type { SendAsUser } from './user-calls.ts';
import type { UserSession } from './user-session.ts';
import type { IssueEnvelope } from './wire.ts';

/** What the functions of a client need to send requests. */
export interface CallsDependencies extends ParsedOptions {
  readonly serverTime: ServerTime;
  readonly sendAsUser: SendAsUser;
  readonly currentSession: () => UserSession;
}

/** An issue request of one user. */
interface IssueRequest {
  readonly session: UserSession;
  readonly vendor: string;
  readonly parameters: IssueParameters | undefined;
}

/** Creates the functions of a client that request tokens. */
export function createIssueCalls(dependencies: CallsDependencies) {
  const { brokerUrl, serverTime, sendAsUser, currentSession } = dependencies;

  function issueOnce({ session, vendor, parameters }: IssueRequest, signal?: AbortSignal, token?: string) {
    return session.settle(signal, async (controller) => {
      const init = { method: 'POST', ...jsonBody(parameters, vendor) };
      const url = `${vendorUrl(brokerUrl, vendor)}/token`;
      const request = { session, url, init, signal: controller.signal, vendor, token };
      const { response, elapsedMs } = await sendAsUser(request);
      const issued = await parseIssueResponse(response, vendor);
      serverTime.measure(issued.server_time, elapsedMs);
      return issued;
    });
  }

  /** Resolves with the app token, and with the key of equal calls of the same user: `getAppToken` may serve several. */
  async function identify({ session, vendor, parameters }: IssueRequest, signal: AbortSignal) {
    const token = await requestAppToken(session.getAppToken, { forceRefresh: false, signal });
    return { token, key: stringify([token, vendor, parameters], vendor) };
  }

  async function issueShared(request: IssueRequest, signal: AbortSignal): Promise<IssueEnvelope> {
    const { token, key } = await identify(request, signal);
    return request.session.sharedCalls.join(key, () => issueOnce(request, undefined, token));
  }

  async function issueKept(request: IssueRequest, signal: AbortSignal): Promise<IssueEnvelope> {
    const { sharedCalls, tokens } = request.session;
    const { token, key } = await identify(request, signal);
    const kept = tokens.get(key);
    if (kept !== undefined) return { ...kept };
    let isOwn = false;
    const issued = await sharedCalls.join(key, () => {
      isOwn = true;
      return issueOnce(request, undefined, token);
    });
    if (tokens.set(key, issued) || isOwn) return { ...issued };
    // The token may work only once, and it belongs to the call that requested it.
    return issueOnce(request, signal, token);
  }

  return {
    issue: (vendor: string, parameters?: IssueParameters, options?: IssueOptions) => {
      const session = currentSession();
      const request = { session, vendor, parameters };
      return observe<IssueEnvelope>(dependencies, { operation: 'issue', vendor }, session, async () => {
        const { signal, shared = false } = parseCallOptions<IssueOptions>(options, ['signal', 'shared']);
        if (!shared) return issueOnce(request, signal);
        return session.settle(signal, (controller) => issueShared(request, controller.signal));
      });
    },
    token: (vendor: string, parameters?: IssueParameters, options?: CallOptions) => {
      const session = currentSession();
      return observe<IssueEnvelope>(dependencies, { operation: 'issue', vendor }, session, async () => {
        const { signal } = parseCallOptions<CallOptions>(options, ['signal']);
        const request = { session, vendor, parameters };
        return session.settle(signal, (controller) => issueKept(request, controller.signal));
      });
    },
  };
}
