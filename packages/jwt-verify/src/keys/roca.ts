// The primes of the fingerprint in "The Return of Coppersmith's Attack" (CVE-2017-15361). A modulus of the flawed library
// is a power of 65537 modulo each of these primes. A random modulus has this property with a probability of about 2^-28.
const primes = [11n, 13n, 17n, 19n, 37n, 53n, 61n, 71n, 73n, 79n, 97n, 103n, 107n, 109n, 127n, 151n, 157n] as const;
const generator = 65_537n;

/** Returns whether a residue is a power of the generator modulo a prime. */
function isPower(residue: bigint, prime: bigint): boolean {
  let power = 1n;
  do {
    if (power === residue) return true;
    power = (power * generator) % prime;
  } while (power !== 1n);
  return false;
}

/** Returns whether an RSA modulus has the fingerprint of the ROCA flaw, from which its private key can be computed. */
export function isRocaModulus(modulus: bigint): boolean {
  return primes.every((prime) => isPower(modulus % prime, prime));
}
