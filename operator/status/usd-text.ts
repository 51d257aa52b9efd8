const PICO_PER_MICRO = 1_000_000
const MICRO_PER_USD = 1_000_000

/** `412.52` of an amount in pico-USD: as many decimals as a budget may be written with, rounded down. */
export function usdText(pico: number): string {
  const micro = Math.floor(pico / PICO_PER_MICRO)
  const decimals = String(micro % MICRO_PER_USD)
    .padStart(6, '0')
    .replace(/0+$/, '')
  const whole = String(Math.floor(micro / MICRO_PER_USD))
  return decimals === '' ? whole : `${whole}.${decimals}`
}
