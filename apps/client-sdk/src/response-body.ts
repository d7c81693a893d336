import { abortedError } from './deadline.ts';
import type { UserSession } from './user-session.ts';
import { ValetError } from './valet-error.ts';

/** What can end the body of a proxied response, which may still arrive after `fetch` has resolved. */
export interface BodyGuard {
  readonly session: UserSession;
  /** Aborts the request. */
  readonly controller: AbortController;
  readonly signal?: AbortSignal | null | undefined;
}

const readers = ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text'] as const;

/**
 * Makes `signOut` and the caller's signal end the body of a response: what is not read by then is never delivered. The
 * listeners are removed when the body has been read, or when no code can read it any more.
 */
export function guardBody(response: Response, { session, controller, signal }: BodyGuard): Response {
  const release = followUntilRead(response, { session, controller, signal });
  const guarded: PropertyDescriptorMap = {};
  for (const name of readers) {
    const read = (response as unknown as Record<string, unknown>)[name];
    if (typeof read !== 'function') continue;
    guarded[name] = {
      configurable: true,
      writable: true,
      value: async () => {
        if (session.ended || controller.signal.aborted) throw abortedError();
        if (response.bodyUsed) throw new ValetError('invalid_request', 'The body of the response was already read.');
        try {
          const result: unknown = await read.call(response);
          if (session.ended || controller.signal.aborted) throw abortedError();
          return result;
        } catch (error) {
          throw toBodyError(error, controller);
        } finally {
          release();
        }
      },
    };
  }
  const clone = response.clone?.bind(response);
  if (clone !== undefined) {
    guarded['clone'] = { configurable: true, value: () => guardBody(clone(), { session, controller, signal }) };
  }
  return Object.defineProperties(response, guarded);
}

function toBodyError(error: unknown, { signal }: AbortController): unknown {
  if (ValetError.isInstance(error)) return error;
  if (signal.aborted) return abortedError();
  // A vendor's response that is not JSON is the caller's concern.
  if (error instanceof SyntaxError) return error;
  return new ValetError('network_unavailable', 'The response of the vendor ended too early.');
}

/** Holds a controller only as long as other code does. */
type Held = Pick<WeakRef<AbortController>, 'deref'>;

/** Controllers that one event aborts. The event has at most one listener, and none when the set is empty. */
interface Followers {
  readonly add: (controller: AbortController) => () => void;
}

function createFollowers(listen: (listener: () => void) => () => void): Followers {
  const held = new Set<Held>();
  let unlisten: (() => void) | undefined;
  let sweepAt = 64;
  const abortAll = () => {
    for (const entry of held) entry.deref()?.abort();
    held.clear();
  };
  const sweep = () => {
    for (const entry of held) if (entry.deref() === undefined) held.delete(entry);
    sweepAt = 2 * held.size + 64;
  };
  return {
    add: (controller) => {
      const entry: Held = typeof WeakRef === 'function' ? new WeakRef(controller) : { deref: () => controller };
      held.add(entry);
      if (held.size > sweepAt) sweep();
      unlisten ??= listen(abortAll);
      return () => {
        held.delete(entry);
        if (held.size > 0) return;
        unlisten?.();
        unlisten = undefined;
      };
    },
  };
}

const followersOf = new WeakMap<object, Followers>();
/** Keeps a controller alive as long as the body that it can abort. */
const controllerOf = new WeakMap<object, AbortController>();

function followUntilRead(response: Response, { session, controller, signal }: BodyGuard): () => void {
  const { body } = response;
  if (body === null) return () => undefined;
  controllerOf.set(body ?? response, controller);
  const releases = [follow(session, session.onEnd, controller)];
  if (signal !== null && signal !== undefined) {
    const listen = (listener: () => void) => {
      signal.addEventListener('abort', listener);
      return () => signal.removeEventListener('abort', listener);
    };
    releases.push(follow(signal, listen, controller));
  }
  return () => {
    for (const release of releases) release();
  };
}

function follow(source: object, listen: (listener: () => void) => () => void, controller: AbortController): () => void {
  const known = followersOf.get(source);
  if (known !== undefined) return known.add(controller);
  const followers = createFollowers(listen);
  followersOf.set(source, followers);
  return followers.add(controller);
}
