// How providers say that something went wrong, inside an answer or as one: the word for it, and its number. Shapes differ by
// dialect and by server, so this looks for what is known under the names that are known and gives up nothing else: an
// error's message may hold the request, its word is logged and counted.
import { members } from './usage.ts'

/** An error that a provider reported inside an answer that began with 200. */
export interface ProviderError {
  /** Its code, status or type, `error` when it has none that can be shown: at most 64 characters of `[A-Za-z0-9_.:-]`. */
  word: string
  /** What its HTTP status would have been, 400–599, where it says so: Google's and OpenRouter's `code`, Groq's `status_code`. */
  status: number | undefined
}

const WORD = /^[A-Za-z0-9_.:-]{1,64}$/
/** Long runs of letters and digits are no words: a provider may repeat the key that it refused in any field. */
const SECRET_RUN_MIN = 12

/**
 * Reads an error value (`{"code": …, "type": …}` or a string). Undefined when the value says that there is none: null,
 * false, 0, ''.
 */
export function readProviderError(error: unknown): ProviderError | undefined {
  if (!error) return undefined
  const [word = 'error'] = errorWords(error)
  return { word, status: errorStatus(error) }
}

/**
 * What the error calls itself, the most telling first. Words come before numbers: Google's and OpenRouter's `code` is the
 * status, Azure's may be one as text.
 */
export function errorWords(error: unknown): string[] {
  const { code, status, type } = members(error)
  const words = [error, code, status, type].filter((value) => typeof value === 'string' && isWord(value)) as string[]
  const isText = (word: string) => /\D/.test(word)
  const number = typeof code === 'number' ? [String(code)] : []
  return [...words.filter(isText), ...words.filter((word) => !isText(word)), ...number]
}

function errorStatus(error: unknown): number | undefined {
  const { code, status, status_code: statusCode } = members(error)
  return [code, status, statusCode]
    .map((value) => (typeof value === 'string' && /^\d{3}$/.test(value) ? Number(value) : value))
    .find((value): value is number => Number.isInteger(value) && Number(value) >= 400 && Number(value) <= 599)
}

function isWord(text: string): boolean {
  return WORD.test(text) && !text.split(/[_.:-]/).some((run) => run.length >= SECRET_RUN_MIN && /\d/.test(run))
}
