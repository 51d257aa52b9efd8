/** A draw by weight; undefined when there is nothing to draw from. `random` returns [0, 1). */
export function pickWeighted<Candidate extends { readonly weight: number }>(
  candidates: readonly Candidate[],
  random: () => number,
): Candidate | undefined {
  if (candidates.length < 2) return candidates[0]
  let point = random() * candidates.reduce((sum, { weight }) => sum + weight, 0)
  for (const candidate of candidates) {
    point -= candidate.weight
    if (point < 0) return candidate
  }
  return candidates.at(-1) // Rounding can leave the point at 0.
}
