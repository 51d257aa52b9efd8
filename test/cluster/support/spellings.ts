// Finds a secret value wherever it may have ended up, however it is spelled there. In: values that are like no others. Out: a search.

/** As texts hold it: plain, percent-encoded, inside JSON, in hexadecimal, in base64 (also as a part of something longer). */
export function spellingsOf(value: string): string[] {
  const bytes = Buffer.from(value)
  const base64 = [0, 1, 2].flatMap((offset) => insideBase64(bytes, offset))
  const json = JSON.stringify(value).slice(1, -1)
  return [...new Set([value, encodeURIComponent(value), encodeURI(value), json, bytes.toString('hex'), ...base64])]
}

/** Whether the text holds one of the values. */
export function searchFor(values: readonly string[]): (text: string) => boolean {
  const spellings = values.flatMap(spellingsOf)
  return (text) => spellings.some((spelling) => text.includes(spelling))
}

/** Those digits that depend on the value alone, when it begins `offset` bytes behind a multiple of three. */
function insideBase64(bytes: Buffer, offset: number): string[] {
  const shifted = Buffer.concat([Buffer.alloc(offset), bytes])
  const digits = (encoding: 'base64' | 'base64url'): string =>
    shifted.toString(encoding).slice(Math.ceil((offset * 4) / 3), Math.floor((shifted.length * 4) / 3))
  return [digits('base64'), digits('base64url')]
}
