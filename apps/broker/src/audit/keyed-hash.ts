import { hash } from 'node:crypto';

/** The length of SHA-256's blocks and of its hashes, in bytes. */
const blockBytes = 64;
const hashBytes = 32;

/**
 * Creates the keyed hash HMAC-SHA-256 (RFC 2104) of one key. Returns base64url. `createHmac` of Node prepares the key anew for each
 * text, which takes longer than the hashes; this function prepares it once.
 */
export function createKeyedHash(key: string): (text: string) => string {
  const bytes = Buffer.from(key);
  const block = Buffer.alloc(blockBytes);
  block.set(bytes.length > blockBytes ? hash('sha256', bytes, 'buffer') : bytes);
  const outer = Buffer.alloc(blockBytes + hashBytes);
  outer.set(block.map((byte) => byte ^ 0x5c));
  const inner = block.map((byte) => byte ^ 0x36);
  let space = Buffer.concat([inner], blockBytes + 8_192);
  return (text) => {
    // A UTF-16 code unit has at most three bytes in UTF-8.
    const maxBytes = blockBytes + 3 * text.length;
    if (maxBytes > space.length) space = Buffer.concat([inner], maxBytes);
    const length = blockBytes + space.write(text, blockBytes);
    outer.write(hash('sha256', space.subarray(0, length), 'binary'), blockBytes, 'binary');
    return hash('sha256', outer, 'base64url');
  };
}
