import { createHmac } from 'node:crypto';
import { deflateSync } from 'node:zlib';

/** The numbers of the privileges in a channel. */
const privilegeNumbers = { join: 1, 'publish-audio': 2, 'publish-video': 3, 'publish-data': 4 } as const;

/** The number of the service for audio and video channels. */
const channelService = 1;

/** What a token of Agora says. */
export interface AgoraTokenContent {
  readonly appId: string;
  readonly certificate: string;
  readonly channel: string;
  readonly user: string;
  readonly privileges: readonly (keyof typeof privilegeNumbers)[];
  readonly issuedAtSeconds: number;
  readonly lifeSeconds: number;
  /** A random number from 1 to 99999999. */
  readonly salt: number;
}

/**
 * Writes a token of Agora, version 007: a version, then in base64 a deflated signature and what it signs. Numbers are little
 * endian, and a text has its length before it.
 */
export function writeAgoraToken(content: AgoraTokenContent): string {
  const { appId, certificate, channel, user, privileges, issuedAtSeconds, lifeSeconds, salt } = content;
  const granted = privileges.flatMap((name) => [uint16(privilegeNumbers[name]), uint32(lifeSeconds)]);
  const signed = Buffer.concat([
    text(appId),
    uint32(issuedAtSeconds),
    uint32(lifeSeconds),
    uint32(salt),
    uint16(1),
    uint16(channelService),
    uint16(privileges.length),
    ...granted,
    text(channel),
    text(user),
  ]);
  const key = hmac(uint32(salt), hmac(uint32(issuedAtSeconds), Buffer.from(certificate)));
  const signature = hmac(key, signed);
  return `007${deflateSync(Buffer.concat([uint16(signature.length), signature, signed])).toString('base64')}`;
}

function hmac(key: Buffer, message: Buffer): Buffer {
  return createHmac('sha256', key).update(message).digest();
}

function uint16(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeUInt16LE(value);
  return buffer;
}

function uint32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeUInt32LE(value);
  return buffer;
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  return Buffer.concat([uint16(bytes.length), bytes]);
}
