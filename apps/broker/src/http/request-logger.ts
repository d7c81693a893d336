import type { FastifyBaseLogger, FastifyServerOptions } from 'fastify';
import type { LogFn, Logger } from 'pino';

/** Creates the logger of a request when its first line is written. Few requests write one, and each child took 3 % of a request. */
class RequestLogger implements FastifyBaseLogger {
  readonly #create: () => Logger;
  #created: Logger | undefined;

  constructor(create: () => Logger) {
    this.#create = create;
  }

  get #logger(): Logger {
    return (this.#created ??= this.#create());
  }

  get level(): string {
    return this.#logger.level;
  }

  get msgPrefix(): string | undefined {
    return this.#logger.msgPrefix;
  }

  child(...values: Parameters<Logger['child']>): FastifyBaseLogger {
    return this.#logger.child(...values);
  }

  trace(...line: unknown[]): void {
    this.#logger.trace(...(line as Parameters<LogFn>));
  }

  debug(...line: unknown[]): void {
    this.#logger.debug(...(line as Parameters<LogFn>));
  }

  info(...line: unknown[]): void {
    this.#logger.info(...(line as Parameters<LogFn>));
  }

  warn(...line: unknown[]): void {
    this.#logger.warn(...(line as Parameters<LogFn>));
  }

  error(...line: unknown[]): void {
    this.#logger.error(...(line as Parameters<LogFn>));
  }

  fatal(...line: unknown[]): void {
    this.#logger.fatal(...(line as Parameters<LogFn>));
  }

  silent(): void {}
}

/** Returns the function that creates the logger of a request. It keeps the broker's log level; the logger given to Fastify is quiet. */
export function createChildLogger(logger: Logger): NonNullable<FastifyServerOptions['childLoggerFactory']> {
  return (_quiet, bindings, options) => new RequestLogger(() => logger.child(bindings, options));
}
