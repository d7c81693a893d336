import { Duplex } from 'node:stream';

type Done = (error?: Error | null) => void;

/**
 * One end of a connection within this process, with what Node's HTTP server and the rules of the listeners use of a TCP socket. A
 * chunk counts as written when the other end has room for more, so that a slow reader slows the writer down.
 */
class MemorySocket extends Duplex {
  /** The address of the client, as `net.Socket` names it. */
  readonly remoteAddress: string | undefined;
  bytesRead = 0;
  #peer: MemorySocket | undefined;
  #acknowledge: Done | undefined;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(remoteAddress?: string) {
    super();
    this.remoteAddress = remoteAddress;
  }

  connect(peer: MemorySocket): void {
    this.#peer = peer;
    peer.#peer = this;
  }

  override _read(): void {
    const acknowledge = this.#acknowledge;
    this.#acknowledge = undefined;
    acknowledge?.();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#idleTimer?.refresh();
    // A stream that is given an empty chunk does not ask for the next one.
    if (chunk.length === 0) done();
    else this.#peer?.receive(chunk, done);
  }

  private receive(chunk: Buffer, done: Done): void {
    this.#idleTimer?.refresh();
    this.bytesRead += chunk.length;
    this.#acknowledge = done;
    this.push(chunk);
  }

  override _final(done: Done): void {
    // The writing end may close when it has finished, and must not take away what the other end still has to read.
    this.#peer?.once('end', done).push(null);
  }

  override _destroy(error: Error | null, done: Done): void {
    clearTimeout(this.#idleTimer);
    // Later, because this end may be in the middle of a call of its HTTP parser.
    process.nextTick(() => this.#peer?.destroy());
    done(error);
  }

  /** Emits `timeout` when no byte has moved for this time, and then again. 0 ends that. */
  setTimeout(milliseconds: number): this {
    clearTimeout(this.#idleTimer);
    this.#idleTimer = milliseconds > 0 ? setTimeout(() => this.emit('timeout'), milliseconds).unref() : undefined;
    return this;
  }

  /** Closes this end when the other end has read everything. */
  destroySoon(): void {
    if (this.writable) this.end();
    if (this.writableFinished) this.destroy();
    else this.once('finish', () => this.destroy());
  }

  resetAndDestroy(): void {
    this.destroy();
  }
}

/** Returns both ends of a new connection, whose client has this address. If one end is destroyed, the other one is too. */
export function connectInMemory(clientAddress: string | undefined): {
  readonly client: Duplex;
  readonly server: Duplex;
} {
  const client = new MemorySocket();
  const server = new MemorySocket(clientAddress);
  client.connect(server);
  return { client, server };
}
