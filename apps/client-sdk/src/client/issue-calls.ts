import { requestAppToken } from './app-token.ts';
import { jsonBody, parseCallOptions, subjectOf } from '../checks/arguments.ts';
import { parseIssueResponse } from './broker-response.ts';
import { vendorUrl } from '../http/broker-url.ts';
import type { IssueOptions, IssueParameters, TokenOptions } from './call-options.ts';
import { momentIn } from '../calls/moment.ts';
import { observe } from './observe.ts';
import { createOptionCheck } from '../checks/option-check.ts';
import type { ParsedOptions } from './options.ts';
import type { ServerTime } from './server-time.ts';
import type { TokenListener } from './token-listeners.ts';
import type { ReceivedToken } from './token-memo.ts';
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
  const { brokerUrl, clock, serverTime, sendAsUser, currentSession } = dependencies;

  function issueOnce({ session, vendor, parameters }: IssueRequest, signal?: AbortSignal, token?: string) {
    return session.settle(signal, async (controller): Promise<ReceivedToken> => {
      const requestedAt = momentIn(0, clock);
      const init = { method: 'POST', ...jsonBody(parameters, vendor) };
      const url = `${vendorUrl(brokerUrl, vendor)}/token`;
      const request = { session, url, init, signal: controller.signal, vendor, token };
      const { response, elapsedMs } = await sendAsUser(request);
      const body = await parseIssueResponse(response, vendor);
      serverTime.measure(body.server_time, elapsedMs);
      return { response: body, requestedAt };
    });
  }

  /** Resolves with what equal calls of the same user share: `getAppToken` may serve several users. */
  async function identify({ session, vendor, parameters }: IssueRequest, signal: AbortSignal) {
    const appToken = await requestAppToken(session.getAppToken, { forceRefresh: false, signal });
    const subject = subjectOf(vendor, parameters);
    return { appToken, subject, key: `${appToken} ${subject}` };
  }

  async function issueShared(request: IssueRequest, signal: AbortSignal): Promise<IssueEnvelope> {
    const { appToken, key } = await identify(request, signal);
    const { response } = await request.session.sharedCalls.join(key, () => issueOnce(request, undefined, appToken));
    return response;
  }

  async function issueKept(request: IssueRequest, signal: AbortSignal, refused?: object): Promise<IssueEnvelope> {
    const { sharedCalls, tokens } = request.session;
    const identity = await identify(request, signal);
    const kept = tokens.get(identity, refused);
    if (kept !== undefined) return kept;
    const { appToken, key } = identity;
    let isOwn = false;
    const received = await sharedCalls.join(key, () => {
      isOwn = true;
      return issueOnce(request, undefined, appToken);
    });
    const shared = tokens.keep(identity, received);
    if (shared !== undefined) return shared;
    // The token may work only once, and it belongs to the call that requested it.
    return (isOwn ? received : await issueOnce(request, signal, appToken)).response;
  }

  return {
    issue: (vendor: string, parameters?: IssueParameters, options?: IssueOptions) => {
      const session = currentSession();
      const request = { session, vendor, parameters };
      return observe<IssueEnvelope>(dependencies, { operation: 'issue', vendor }, session, async () => {
        const { signal, shared = false } = parseCallOptions<IssueOptions>(options, ['signal', 'shared']);
        if (!shared) return (await issueOnce(request, signal)).response;
        return session.settle(signal, (controller) => issueShared(request, controller.signal));
      });
    },
    token: (vendor: string, parameters?: IssueParameters, options?: TokenOptions) => {
      const session = currentSession();
      return observe<IssueEnvelope>(dependencies, { operation: 'issue', vendor }, session, async () => {
        const { signal, refused } = parseCallOptions<TokenOptions>(options, ['signal', 'refused']);
        const request = { session, vendor, parameters };
        return session.settle(signal, (controller) => issueKept(request, controller.signal, refused));
      });
    },
  };
}

/** Creates the function of a client that tells of changes of the kept tokens. */
export function createOnTokenChange({ currentSession }: Pick<CallsDependencies, 'currentSession'>) {
  return (vendor: string, parameters: IssueParameters | undefined, listener: TokenListener): (() => void) => {
    createOptionCheck('onTokenChange')(typeof listener === 'function', 'listener', 'must be a function');
    return currentSession().tokens.onChange(subjectOf(vendor, parameters), listener);
  };
}
