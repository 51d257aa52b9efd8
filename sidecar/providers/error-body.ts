// What a provider's refusal says about itself. Its body may be JSON under any label or none, HTML of a server in between,
// or cut; what cannot be read says nothing. Amazon names the error in a header, and in the body only says what it is about.
import { parseJson } from '../stream/json-from-end.ts'
import { errorWords } from '../stream/provider-error.ts'
import { members } from '../stream/usage.ts'

export interface ErrorBody {
  /** Code, status, type and Google's reason, the most telling first; as bounded as in ProviderError. */
  words: readonly string[]
  /** '' for none. For recognising what has no word of its own, and for the client that it is meant for; never to be logged. */
  message: string
  /** A moderation's verdict on the request (OpenRouter's `metadata.flagged_input`). */
  flagged: boolean
}

const NOTHING: ErrorBody = { words: [], message: '', flagged: false }

/**
 * Reads `{"error": {…}}`, Anthropic's, Google's (also as the only element of an array), xAI's `{"code", "error": "text"}` and
 * the flat body of older servers. `rawHeaders` are name, value, …
 */
export function readErrorBody(body: Buffer, rawHeaders: readonly string[]): ErrorBody {
  const said = readDocument(body)
  const type = errorType(rawHeaders)
  return type === undefined ? said : { ...said, words: [...errorWords(type), ...said.words] }
}

/** `x-amzn-errortype: ValidationException:http://internal.amazon.com/…` */
function errorType(rawHeaders: readonly string[]): string | undefined {
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if ((rawHeaders[i] as string).toLowerCase() === 'x-amzn-errortype') return rawHeaders[i + 1]?.split(':', 1)[0]
  }
  return undefined
}

function readDocument(body: Buffer): ErrorBody {
  const text = body.toString('utf8').trimStart()
  if (!/^[{[]/.test(text)) return NOTHING
  const parsed = parseJson(text)
  const document = members(Array.isArray(parsed) ? parsed[0] : parsed)
  const error = document.error || document
  const { message, metadata, details } = members(error)
  return {
    words: [...reasons(details), ...errorWords(error), ...errorWords({ code: document.code })],
    message: ([error, message].find((value) => typeof value === 'string') as string | undefined) ?? '',
    flagged: 'flagged_input' in members(metadata),
  }
}

/** google.rpc.ErrorInfo names the cause where the status only names its kind. */
function reasons(details: unknown): string[] {
  if (!Array.isArray(details)) return []
  return details.flatMap((detail) => errorWords({ code: members(detail).reason }))
}
