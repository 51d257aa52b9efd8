// Seeded random JSON documents as text, with what clients do to them: white space, escapes, keys twice, keys in disguise.

import { pick, type Random } from '../../support/random.ts'

const KEYS = [
  'model',
  'stream',
  'stream_options',
  'temperature',
  'messages',
  '__proto__',
  'user',
  '',
  'größe',
  'a"b',
  'x\\',
]
const STRINGS = [
  '',
  'gpt-5-mini',
  'true',
  'a"b',
  '\\',
  '\\"',
  '{"model":"no"}',
  '\n',
  '日本',
  '😀',
  ']}',
  'x'.repeat(40),
]
const SCALARS = ['0', '-0', '1.5', '-12e3', '1E+2', '0.2', 'true', 'false', 'null']

/** An object of up to `members` top-level members. A key may come twice, and any string be spelled with escapes. */
export function randomObject(random: Random, members: number): string {
  return objectText(random, Math.floor(random() * (members + 1)), 3)
}

export function randomValue(random: Random, depth: number): string {
  const kind = random()
  if (kind < 0.35 || depth === 0)
    return random() < 0.5 ? pick(random, SCALARS) : randomString(random, pick(random, STRINGS))
  const length = Math.floor(random() * 4)
  if (kind < 0.7) return objectText(random, length, depth - 1)
  const items = Array.from({ length }, () => space(random) + randomValue(random, depth - 1) + space(random))
  return `[${items.join(',')}${length === 0 ? space(random) : ''}]`
}

function objectText(random: Random, length: number, depth: number): string {
  const members = Array.from({ length }, () => {
    const key = pick(random, KEYS)
    const value = key === 'model' && random() < 0.7 ? randomString(random, 'gpt-5') : randomValue(random, depth)
    return `${space(random)}${randomString(random, key)}${space(random)}:${space(random)}${value}${space(random)}`
  })
  return `{${members.join(',')}${length === 0 ? space(random) : ''}}`
}

/** Most strings as JSON.stringify writes them, some with one character as `\u` escape. */
function randomString(random: Random, text: string): string {
  if (text === '' || random() < 0.96) return JSON.stringify(text)
  const at = Math.floor(random() * text.length)
  const escaped = `\\u${text.charCodeAt(at).toString(16).padStart(4, '0')}`
  return `"${JSON.stringify(text.slice(0, at)).slice(1, -1)}${escaped}${JSON.stringify(text.slice(at + 1)).slice(1, -1)}"`
}

function space(random: Random): string {
  return random() < 0.8 ? '' : pick(random, [' ', '\n', '\r\n', '\t', '  '])
}

/** `text` with one character taken out, doubled, or replaced by one of `alphabet`; still well-formed Unicode. */
export function damaged(random: Random, text: string, alphabet: string): string {
  const at = Math.floor(random() * text.length)
  const put = pick(random, ['', text.charAt(at).repeat(2), alphabet.charAt(Math.floor(random() * alphabet.length))])
  return (text.slice(0, at) + put + text.slice(at + 1)).toWellFormed()
}
