import { assemble, type AssembledBroker, type BrokerDependencies } from '../assemble.ts';
import type { Config } from '../config/config.ts';
import { createLogger } from '../telemetry/logger.ts';

/** Runs `work` with a broker that does not listen, and closes the broker afterwards. Its log is off, and it sends no traces. */
export async function useTemporaryBroker<Result>(
  config: Config,
  dependencies: BrokerDependencies,
  work: (broker: AssembledBroker) => Promise<Result>,
): Promise<Result> {
  const broker = assemble({ ...config, telemetry: {} }, { ...dependencies, logger: createLogger('silent') });
  try {
    return await work(broker);
  } finally {
    // A part that fails to close, such as a faulty adapter, must not hide the result.
    await broker.close().catch(() => undefined);
  }
}
