// JSON written by hand where JSON.stringify of an object would cost several times as much. Everything comes out as ASCII,
// so a text's length is its size in bytes.

const PLAIN = /^[ !#-[\]-~]*$/
const NOT_ASCII = /[\u007f-\uffff]/g

/** A JSON string of at most `max` characters (UTF-16 units) of `value`. */
export function quoted(value: string, max: number): string {
  const bounded = value.length > max ? value.slice(0, max) : value
  if (PLAIN.test(bounded)) return `"${bounded}"`
  return JSON.stringify(bounded).replace(NOT_ASCII, escaped)
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
}

/** Milliseconds with three decimals: printing whole numbers is several times faster than printing fractions. */
export function millis(value: number): string {
  const micros = Math.max(0, Math.round(value * 1000))
  const rest = micros % 1000
  return `${(micros - rest) / 1000}.${rest < 10 ? '00' : rest < 100 ? '0' : ''}${rest}`
}

const PICO = 1e12

/** US dollars as an exact decimal without trailing zeros: 1500000 is 0.0000015. */
export function usd(pico: number): string {
  const rest = pico % PICO
  const whole = String((pico - rest) / PICO)
  return rest === 0 ? whole : `${whole}.${String(rest).padStart(12, '0').replace(/0+$/, '')}`
}

/** ISO 8601 with milliseconds; formats the second once and appends the rest. */
export function createTimestamps(): (epochMs: number) => string {
  let second = Number.NaN
  let prefix = ''
  return (epochMs) => {
    const ms = Math.floor(epochMs)
    const rest = ms % 1000
    if (ms - rest !== second) {
      second = ms - rest
      prefix = new Date(second).toISOString().slice(0, 20)
    }
    return `${prefix}${rest < 10 ? '00' : rest < 100 ? '0' : ''}${rest}Z`
  }
}
