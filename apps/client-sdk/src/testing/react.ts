import { act, Component, createElement, StrictMode, type FunctionComponent, type ReactNode } from 'react';
import { createRoot } from 'react-dom/client';
import { onTestFinished } from 'vitest';
import type { IssueParameters } from '../client/call-options.ts';
import type { ValetClient } from '../client/client.ts';
import { useVendorToken } from '../react/use-vendor-token.ts';

Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });

interface TestPage {
  readonly body: { readonly innerHTML: string; append: (node: object) => void };
  readonly createElement: (name: string) => TestElement;
  readonly dispatchEvent: (event: object) => void;
}

/** An element of the document, without the types of a browser. */
export interface TestElement {
  innerHTML: string;
  readonly textContent: string;
  readonly remove: () => void;
}

export const page = () => (globalThis as unknown as { document: TestPage }).document;

/** Runs `action`, and then everything that waits for no clock. */
export async function settle(action: () => unknown = () => undefined): Promise<void> {
  await act(async () => {
    action();
    for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  });
}

/** Hides or shows the page, as a user who changes to another tab. */
export async function setPageHidden(hidden: boolean): Promise<void> {
  Object.defineProperty(page(), 'hidden', { configurable: true, get: () => hidden });
  await settle(() =>
    page().dispatchEvent(new (globalThis as unknown as { Event: typeof Event }).Event('visibilitychange')),
  );
}

/** Shows nothing in place of components that throw. */
class Boundary extends Component<{ readonly children?: ReactNode }> {
  override readonly state = { hasFailed: false };
  static getDerivedStateFromError() {
    return { hasFailed: true };
  }
  override render() {
    return this.state.hasFailed ? null : this.props.children;
  }
}

/** Mounts components, and throws what one of them throws. They are unmounted when the test finishes. */
export async function mount(children: ReactNode, { isStrict = false } = {}) {
  const container = page().createElement('div');
  page().body.append(container);
  const errors: unknown[] = [];
  const root = createRoot(container as never, { onCaughtError: (error) => void errors.push(error) });
  const render = (node: ReactNode) => {
    const inside = createElement(Boundary, null, node);
    root.render(isStrict ? createElement(StrictMode, null, inside) : inside);
  };
  await settle(() => render(children));
  const unmount = () => act(() => root.unmount());
  onTestFinished(async () => {
    await unmount();
    container.remove();
  });
  if (errors.length > 0) throw errors[0];
  return {
    container,
    render: (node: ReactNode) => settle(() => render(node)),
    unmount,
  };
}

/** Creates a component that notes what `useValue` returned in each rendering. */
export function createProbe<Properties extends object, Value>(useValue: (properties: Properties) => Value) {
  const seen: Value[] = [];
  const Probe: FunctionComponent<Properties> = (properties) => {
    const value = useValue(properties);
    seen.push(value);
    return null;
  };
  return { Probe, seen, last: () => seen.at(-1) };
}

interface TokenProbeProperties {
  readonly valet: ValetClient;
  readonly connection?: string;
  readonly parameters?: IssueParameters;
  /** Marks what the component saw. */
  readonly label?: string;
}

/** Creates a component that notes what `useVendorToken` returned in each rendering. */
export function createTokenProbe() {
  return createProbe(({ valet, connection = 'nudge', parameters, label = '' }: TokenProbeProperties) =>
    Object.freeze({ ...useVendorToken<{ token: string }>(valet, connection, parameters), label }),
  );
}
