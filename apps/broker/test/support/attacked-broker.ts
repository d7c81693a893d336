import { errorTable, problemSchema, type ErrorCode } from '@valetkey/core-types';
import { createSandbox, type Sandbox } from '@valetkey/sandbox';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { sendBytes, type RawResponse } from './raw-connection.ts';
import { createConfigFor, startRecordingBroker, type RecordingBroker } from './recording-broker.ts';

/** A broker for tests that send hostile bytes, and the parts of a request that such a test varies. */
export interface AttackedBroker {
  readonly sandbox: Sandbox;
  readonly broker: RecordingBroker;
  /** Host and port of the broker. */
  readonly host: string;
  /** A valid app token. */
  readonly alice: string;
  /** The lines `Host` and `Authorization` of a valid request of alice. */
  readonly aliceHeaders: string;
  /** Sends bytes over a new TCP connection. Returns the response once it is complete or the TCP connection is closed. */
  readonly send: (bytes: string | Buffer, isComplete?: (text: string) => boolean) => Promise<RawResponse>;
}

/**
 * Starts a broker before the tests of a file. After each test, it checks that the broker still responds and has logged no
 * error. The returned object has its properties from the first test on.
 */
export function useAttackedBroker(): AttackedBroker {
  const attacked = {} as AttackedBroker;
  beforeAll(async () => {
    const sandbox = await createSandbox();
    const broker = await startRecordingBroker(createConfigFor(sandbox));
    const alice = await sandbox.mintUserToken({ sub: 'alice' });
    const { host } = new URL(broker.brokerUrl);
    // The broker fetches the identity provider's keys now, not during the first test.
    await broker.call('/v1/session', alice);
    Object.assign(attacked, {
      sandbox,
      broker,
      host,
      alice,
      aliceHeaders: `Host: ${host}\r\nAuthorization: Bearer ${alice}\r\n`,
      send: (bytes, isComplete) => sendBytes(broker.brokerUrl, [bytes], isComplete),
    } satisfies AttackedBroker);
  });
  afterEach(async () => {
    const { broker } = attacked;
    expect((await broker.call('/healthz')).status).toBe(200);
    const levelOf = (line: string) => (JSON.parse(line) as { level: number }).level;
    expect(broker.logLines().filter((line) => levelOf(line) >= 50)).toEqual([]);
  });
  afterAll(async () => {
    await attacked.broker.broker.close();
    await attacked.sandbox.close();
  });
  return attacked;
}

/** Returns the code of each problem in a response, and expects that each of them is well-formed. */
export function readProblemCodes({ text }: RawResponse): ErrorCode[] {
  return [...text.matchAll(/application\/problem\+json.*?\r\n\r\n(\{.*?\})(?=HTTP|$)/gs)].map(([, body = '']) => {
    const problem = problemSchema.parse(JSON.parse(body));
    expect(errorTable[problem.code as ErrorCode].status).toBe(problem.status);
    return problem.code as ErrorCode;
  });
}
