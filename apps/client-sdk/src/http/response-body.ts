import { invalidRequest } from '../checks/arguments.ts';
import { abortedError, type Ending } from '../calls/deadline.ts';
import { ValetError } from '../errors/valet-error.ts';

/** What can end the body of a proxied response, which may still arrive after `fetch` has resolved. */
export interface BodyGuard {
  readonly session: Ending;
  /** Aborts the request. */
  readonly controller: AbortController;
  readonly signal?: AbortSignal | null | undefined;
}

type Readers = Record<string, (() => unknown) | undefined>;

const readerNames = ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text'] as const;

/**
 * Makes `signOut` and the caller's signal end the body of a response: what is not read by then is never delivered. The
 * listeners are removed when the body has been read, or when no code can read it any more.
 */
export function guardBody(response: Response, guard: BodyGuard): Response {
  const { session, controller } = guard;
  const release = endWith(response, guard);
  const assertOpen = () => {
    if (session.ended || controller.signal.aborted) throw abortedError();
  };
  const readWith = async (reader: () => unknown) => {
    assertOpen();
    if (response.bodyUsed) throw invalidRequest('The body of the response was already read.');
    try {
      const result = await reader.call(response);
      assertOpen();
      return result;
    } catch (error) {
      assertOpen();
      // A vendor's response that is not JSON is the caller's concern.
      if (error instanceof SyntaxError) throw error;
      throw new ValetError('network_unavailable', 'The response of the vendor ended too early.');
    } finally {
      release();
    }
  };

  const target = response as unknown as Readers;
  for (const name of readerNames) {
    const reader = target[name];
    if (reader !== undefined) target[name] = () => readWith(reader);
  }
  const { clone } = response;
  if (clone !== undefined) target['clone'] = () => guardBody(clone.call(response), guard);
  return response;
}

/** Holds a controller only as long as other code does. */
type Held = Pick<WeakRef<AbortController>, 'deref'>;

/** Keeps a controller alive as long as the body that it can abort. */
const controllerOf = new WeakMap<object, AbortController>();

function endWith(response: Response, { session, controller, signal }: BodyGuard): () => void {
  const { body } = response;
  if (body === null) return () => undefined;
  controllerOf.set(body ?? response, controller);
  const held: Held = typeof WeakRef === 'function' ? new WeakRef(controller) : { deref: () => controller };
  const bodies = bodiesEndedBy(session, session.onEnd);
  bodies.add(held);
  if (signal === null || signal === undefined) return () => bodies.remove(held);
  const others = bodiesEndedBy(signal, (listener) => {
    signal.addEventListener('abort', listener);
    return () => signal.removeEventListener('abort', listener);
  });
  others.add(held);
  return () => {
    bodies.remove(held);
    others.remove(held);
  };
}

/** The requests whose bodies one event ends. They share one listener, and there is none if no body is open. */
interface OpenBodies {
  readonly add: (held: Held) => void;
  readonly remove: (held: Held) => void;
}

type Listen = (listener: () => void) => () => void;

const openBodiesOf = new WeakMap<object, OpenBodies>();

function bodiesEndedBy(source: object, listen: Listen): OpenBodies {
  const known = openBodiesOf.get(source);
  if (known !== undefined) return known;
  const bodies = createOpenBodies(listen);
  openBodiesOf.set(source, bodies);
  return bodies;
}

function createOpenBodies(listen: Listen): OpenBodies {
  const open = new Set<Held>();
  let unlisten: (() => void) | undefined;
  let sweepAt = 64;
  const abortAll = () => {
    for (const held of open) held.deref()?.abort();
    open.clear();
  };
  return {
    add: (held) => {
      open.add(held);
      unlisten ??= listen(abortAll);
      if (open.size < sweepAt) return;
      for (const entry of open) if (entry.deref() === undefined) open.delete(entry);
      sweepAt = 2 * open.size + 64;
    },
    remove: (held) => {
      open.delete(held);
      if (open.size > 0) return;
      unlisten?.();
      unlisten = undefined;
    },
  };
}
