import type { Clock, IssuerOptions, Vendor } from '@valetkey/core-types';
import { createJwtVerifier, type JwtVerifier, type JwtVerifierEvent } from '@valetkey/jwt-verify';
import { openEgress, type ClientCertificate, type Egress } from '@valetkey/vendor-clients';
import type { Logger } from 'pino';
import type { Config, OperatorsConfig } from './config/config.ts';
import { closeOpened, keepOrOpen, type DisposalStack, type Held } from './disposal-stack.ts';
import { createReplayStore } from './identity/replay-store.ts';
import type { SharedParts } from './open-shared-parts.ts';
import { createCallerLimits, type CallerLimits } from './policy/caller-limits.ts';
import { createPolicyRules, type PolicyRules } from './policy/policy-rules.ts';
import { timeVendorCalls, type Metrics } from './telemetry/metrics.ts';
import { observeTwice, type Tracing } from './telemetry/tracing.ts';
import {
  createConnection,
  createVendorOf,
  vendorPartsOf,
  type ConnectionEvent,
  type Connections,
} from './vendors/connections.ts';

/** The opened parts of a broker that follow from its configuration, and those that stay the same when it is reloaded. */
export interface Parts extends SharedParts {
  readonly egress: Egress;
  readonly connections: Connections;
  /** The policy of forward authentication. */
  readonly forwardAuth: PolicyRules;
  readonly callerLimits: CallerLimits;
  readonly verifier: JwtVerifier;
  /** The verifier of operators' tokens. Absent if `admin.operators` is not configured. */
  readonly operatorVerifier: JwtVerifier | undefined;
  /** The parts that the next configuration keeps if it does not change them. */
  readonly held: HeldParts;
}

/** The parts that a configuration can keep from the one before it. */
interface HeldParts {
  readonly egress: Held<Egress>;
  readonly vendors: ReadonlyMap<string, Held<Vendor>>;
  readonly callerLimits: Held<CallerLimits>;
  readonly verifier: HeldVerifier;
  readonly operatorVerifier: HeldVerifier | undefined;
}

/** A verifier, and the egresses with the certificates that it shows to identity providers. */
interface HeldVerifier {
  readonly verifier: Held<JwtVerifier>;
  readonly opened: JwtVerifier;
  readonly certificates: ReadonlyMap<string, Held<Egress>>;
}

/** What {@link openParts} works with. */
export interface OpenDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Absent if the broker sends no traces. */
  readonly tracing?: Tracing | undefined;
  readonly shared: SharedParts;
  /** The parts of the configuration before this one. What did not change is kept, with its keys, caches and connections. */
  readonly earlier?: Parts | undefined;
}

/** Opens the parts that a configuration names, and registers in `resources` how each of them is closed. */
export function openParts(config: Config, dependencies: OpenDependencies, resources: DisposalStack): Parts {
  const { clock, shared } = dependencies;
  const earlier = dependencies.earlier?.held;
  const heldEgress = keepOrOpen(earlier?.egress, egressPartsOf(config), () => openEgress(config.egress), closeOpened);
  const egress = heldEgress.hold(resources);
  const { connections, vendors } = openConnections(config, { ...dependencies, egress }, resources);
  const openIssuers = (issuers: Omit<VerifiedIssuers, 'egress'>, kept: HeldVerifier | undefined) =>
    openVerifier({ ...issuers, egress }, { ...dependencies, earlier: kept }, resources);
  const apps = openIssuers(
    { issuers: config.issuers, certificates: config.issuerCertificates, dpop: config.dpop },
    earlier?.verifier,
  );
  const { operators } = config.admin;
  const ofOperators =
    operators &&
    openIssuers({ issuers: [operators.issuer], certificates: certificateOf(operators) }, earlier?.operatorVerifier);
  const callerLimits = keepOrOpen(
    earlier?.callerLimits,
    config.callerLimits,
    () => createCallerLimits(config.callerLimits, clock),
    nothingToClose,
  );
  return {
    ...shared,
    egress,
    connections,
    forwardAuth: createPolicyRules({ place: 'forwardAuth', policy: config.forwardAuth.policy }, clock),
    callerLimits: callerLimits.hold(resources),
    verifier: apps.opened,
    operatorVerifier: ofOperators?.opened,
    held: { egress: heldEgress, vendors, callerLimits, verifier: apps, operatorVerifier: ofOperators },
  };
}

/** Networks are objects of a class, which are compared as JSON. */
export function egressPartsOf({ egress: { allow, noProxy, ...others } }: Config): readonly unknown[] {
  return [others, JSON.stringify([allow, noProxy])];
}

const nothingToClose = (): void => {};

type Reporters = Pick<OpenDependencies, 'metrics' | 'logger'>;

// These are created apart, so that a part which is kept refers to no parts of earlier configurations.

function reportIdentityEvents({ metrics, logger }: Reporters) {
  return (event: JwtVerifierEvent): void => {
    metrics.countIdentityEvent(event);
    if (event.type !== 'keys_fetched') logger.warn({ event }, 'identity provider');
  };
}

function reportVendorEvents({ metrics, logger }: Reporters) {
  return (event: ConnectionEvent): void => {
    metrics.countVendorEvent(event);
    logger[event.type === 'retried' ? 'info' : 'warn']({ event }, 'vendor');
  };
}

function observeVendorCalls({ metrics, clock, tracing }: Pick<OpenDependencies, 'metrics' | 'clock' | 'tracing'>) {
  return (target: { readonly connection: string; readonly vendor: string }) => {
    const time = timeVendorCalls(target, { metrics, clock });
    return tracing === undefined ? time : observeTwice(tracing.traceCalls(target), time);
  };
}

/** The identity providers of one verifier. */
interface VerifiedIssuers {
  readonly issuers: readonly IssuerOptions[];
  /** The certificates that the broker shows to identity providers, by issuer. */
  readonly certificates: ReadonlyMap<string, ClientCertificate>;
  /** Absent: callers cannot send proofs. */
  readonly dpop?: Config['dpop'] | undefined;
  readonly egress: Egress;
}

interface VerifierDependencies extends Omit<OpenDependencies, 'earlier'> {
  readonly earlier: HeldVerifier | undefined;
}

function openVerifier(
  { issuers, certificates, dpop, egress }: VerifiedIssuers,
  { earlier, clock, logger, metrics, shared: { store } }: VerifierDependencies,
  resources: DisposalStack,
): HeldVerifier {
  const withCertificates = new Map(
    [...certificates].map(([issuer, certificate]) => [
      issuer,
      keepOrOpen(
        earlier?.certificates.get(issuer),
        [egress, certificate],
        () => egress.withClientCertificate(certificate),
        closeOpened,
      ),
    ]),
  );
  const fetchByIssuer = new Map([...withCertificates].map(([issuer, held]) => [issuer, held.hold(resources).fetch]));
  const create = () =>
    createJwtVerifier({
      // Brokers that share a store accept a DPoP proof once, and the nonces of each other.
      ...(dpop && {
        replayStore: createReplayStore({ store, clock, maxProofsPerPrincipal: dpop.maxProofsPerPrincipal }),
        dpopNonceKey: dpop.nonceKey && Buffer.from(dpop.nonceKey.reveal()),
      }),
      issuers,
      fetch: egress.fetch,
      fetchByIssuer,
      clock,
      onEvent: reportIdentityEvents({ metrics, logger }),
      replaces: earlier?.opened,
    });
  const verifier = keepOrOpen(earlier?.verifier, [issuers, fetchByIssuer, dpop, egress], create, closeOpened);
  return { verifier, opened: verifier.hold(resources), certificates: withCertificates };
}

function certificateOf({ issuer: { issuer }, clientCertificate }: OperatorsConfig): Config['issuerCertificates'] {
  return new Map(clientCertificate === undefined ? [] : [[issuer, clientCertificate]]);
}

/** Opens the connections. A vendor stays open if only the policy of its connection changed. */
function openConnections(
  config: Config,
  dependencies: OpenDependencies & { readonly egress: Egress },
  resources: DisposalStack,
) {
  const { earlier, shared, egress, clock } = dependencies;
  const vendors = new Map<string, Held<Vendor>>();
  const reporters = { onEvent: reportVendorEvents(dependencies), observeCalls: observeVendorCalls(dependencies) };
  const connections = config.connections.map((configured) => {
    const { name } = configured;
    const create = () => createVendorOf(configured, { clock, egress, ...reporters });
    const kept = earlier?.held.vendors.get(name);
    const held = keepOrOpen(kept, [egress, ...vendorPartsOf(configured)], create, closeOpened);
    vendors.set(name, held);
    return [name, createConnection(configured, held.hold(resources), { store: shared.store, clock })] as const;
  });
  return { connections: new Map(connections) satisfies Connections, vendors };
}
