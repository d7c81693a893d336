import { signatureAlgorithms, type Issuer } from '@valetkey/core-types';
import { invalidToken } from '../token/invalid-token.ts';
import type { TokenHeader } from '../token/token-text.ts';

/** Returns the refusal of an algorithm that is not one of its issuer's, with the step that helps most. */
export function refusedAlgorithm({ algorithms }: Issuer, { algorithm }: TokenHeader): Error {
  if (algorithm.startsWith('HS')) {
    return invalidToken(
      'algorithm_not_allowed',
      'The token is signed with a shared secret (HS256 or similar), which every holder of the secret could use to forge tokens.',
      'Have the identity provider sign with a key pair, and send a token that was issued after that. Supabase: Project Settings > JWT Keys > migrate to signing keys and rotate. Auth0: set the signing algorithm of the API to RS256.',
    );
  }
  if (!(signatureAlgorithms as readonly string[]).includes(algorithm)) {
    return invalidToken(
      'algorithm_not_allowed',
      `The token is not signed, or with an algorithm that is not supported. Allowed: ${algorithms.join(', ')}.`,
      'Have the identity provider sign its tokens with an allowed algorithm. Emulators, such as that of Firebase, do not sign tokens: use a real project.',
    );
  }
  return invalidToken(
    'algorithm_not_allowed',
    `The token is signed with an algorithm that is not allowed for its issuer. Allowed: ${algorithms.join(', ')}.`,
    "Have the identity provider sign with an allowed algorithm, or add its algorithm to the issuer's algorithms.",
  );
}
