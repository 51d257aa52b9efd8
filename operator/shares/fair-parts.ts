/**
 * Divides an amount among demands so that the smallest part is as large as it can be (max-min): whoever asks for less than an even
 * part gets all of it, and the others share the rest evenly. Whole numbers; of what cannot be divided evenly, those who come first
 * get one more. The parts add up to `amount`, or to what was asked for where that is less.
 */
export function fairParts(amount: number, demands: readonly number[]): number[] {
  const parts = demands.map(() => 0)
  const ascending = [...demands.keys()].sort((a, b) => (demands[a] ?? 0) - (demands[b] ?? 0) || b - a)
  let rest = amount
  for (const [done, index] of ascending.entries()) {
    const part = Math.min(demands[index] ?? 0, Math.floor(rest / (ascending.length - done)))
    parts[index] = part
    rest -= part
  }
  return parts
}
