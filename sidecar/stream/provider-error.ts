// What to call an error that a provider reported inside an answer.
import { members } from './usage.ts'

const WORD_MAX = 64

/**
 * The word to log for an error value (`{"code": …, "type": …}` or a string), or undefined when the value says that
 * there is none: null, false, 0, ''. A word is preferred to a number: Google's and OpenRouter's `code` is the status.
 */
export function errorWord(error: unknown): string | undefined {
  if (!error) return undefined
  const { code, status, type } = members(error)
  const word = [error, code, status, type].find((candidate) => typeof candidate === 'string' && candidate !== '')
  return String(word ?? code ?? 'error').slice(0, WORD_MAX)
}
