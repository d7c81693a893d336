import { assemble, loadConfig, type Broker } from '@valetkey/broker';

// Next.js may load this module more than once in one process, and must not open a second broker then.
const opened = globalThis as { valetkeyBroker?: Promise<Broker> };

/** Opens the broker with the first request, and not while Next.js builds the app. After a failure, the next request tries again. */
export function openBroker(): Promise<Broker> {
  return (opened.valetkeyBroker ??= open());
}

async function open(): Promise<Broker> {
  try {
    return assemble(await loadConfig(process.env['VALETKEY_CONFIG'] ?? 'valetkey.config.yaml'));
  } catch (error) {
    delete opened.valetkeyBroker;
    throw error;
  }
}
