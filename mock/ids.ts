// Ids that look like the providers': letters and digits from a hash of the mock's seed, the request and a counter. They
// repeat from run to run and never within one.
import { createHash } from 'node:crypto'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** `length` up to 64. */
export function createIds(seed: string): (prefix: string, length: number) => string {
  let count = 0
  return (prefix, length) => {
    count += 1
    const hash = createHash('sha512').update(`${seed}/${count}`).digest().subarray(0, length)
    return prefix + Array.from(hash, (byte) => ALPHABET[byte % ALPHABET.length]).join('')
  }
}
