// Path and query of a request, held to one spelling.
//
// A policy is decided on the path that is read here and enforced on the path that the provider reads. Whatever another
// program may fold into a different path (empty and dot segments, `;` parameters, backslashes, needless or double
// percent-encoding) is therefore refused, never normalised: a normaliser is right only as long as it equals every other
// one. The single exception is the leading `//openai/` that Azure clients with a trailing slash in their endpoint send.
import { Refusal } from '../errors.ts'

/** Model names are labels, not documents: the same bound as in the custom resources. In bytes of UTF-8. */
const MODEL_BYTES_MAX = 256

export interface RequestTarget {
  path: string
  /** Without the `?`; '' when there is none. As sent. */
  query: string
}

export function splitTarget(target: string): RequestTarget {
  const mark = target.indexOf('?')
  const path = mark < 0 ? target : target.slice(0, mark)
  return {
    path: path.startsWith('//openai/') ? path.slice(1) : path,
    query: mark < 0 ? '' : target.slice(mark + 1),
  }
}

// RFC 3986 §3.3 `segment-nz`, less `;`: Java servers cut `;x=1` off a segment before they match the path.
const PLAIN_PATH = /^(?:\/|(?:\/(?:[\w\-.~!$&'()*+,=:@]|%[\da-fA-F]{2})+)+)$/
// What an escape must not hide in a path that others decode: separators, a second level of encoding, control characters.
const HIDDEN_IN_ESCAPE = /%(?:[01][\da-f]|2[35f]|3[bf]|5c|7f)/i
const DOT_SEGMENT = /\/\.{1,2}(?:\/|$)/

/**
 * Path with its escapes undone and in lower case: the loosest way in which a server may match it.
 * Throws `malformed_request` when the path has more than one reading.
 */
export function loosestReading(path: string): string {
  if (!PLAIN_PATH.test(path)) throw new Refusal('malformed_request', 'The path is not in normal form.')
  const decoded = percentDecoded(path)
  if (DOT_SEGMENT.test(decoded)) throw new Refusal('malformed_request', 'The path has dot segments.')
  return decoded.toLowerCase()
}

/** Whether an escape stands for something that would cut the path differently once decoded. */
export function hidesSeparator(path: string): boolean {
  return HIDDEN_IN_ESCAPE.test(path)
}

/** The model that a path or a query names, e.g. `accounts%2Ffireworks%2Fmodels%2Fx`; decoded once, `/` and `:` allowed. */
export function modelOf(encoded: string): string {
  if (!/^[\w\-.~!$&'()*+,=:@/%]+$/.test(encoded))
    throw new Refusal('malformed_request', 'The model name is not escaped.')
  const model = percentDecoded(encoded)
  // It goes back into a path, so it must not change which path that is, nor mean more to who decodes twice.
  if (/[%\\?#;]/.test(model) || model.split('/').some((segment) => /^\.{0,2}$/.test(segment))) {
    throw new Refusal('malformed_request', 'The path names no usable model.')
  }
  const fault = modelFault(model)
  if (fault !== undefined) throw new Refusal('malformed_request', fault)
  return model
}

/** What is wrong with a model name, as a sentence for the caller; undefined when nothing is. */
export function modelFault(model: string): string | undefined {
  if (model === '') return 'The model name is empty.'
  if (Buffer.byteLength(model) > MODEL_BYTES_MAX) return `The model name is longer than ${MODEL_BYTES_MAX} bytes.`
  if (/\p{Cc}/u.test(model)) return 'The model name holds a control character.'
  if (!model.isWellFormed()) return 'The model name is not valid Unicode.'
  return undefined
}

// Names under which keys travel in queries: Google's `key` and `access_token`, Azure's and API Management's. And Amazon's signatures.
const CREDENTIALS = new Set(['key', 'access_token', 'oauth_token', 'api-key', 'api_key', 'subscription-key'])
const CREDENTIAL_PREFIX = 'x-amz-'
const MAY_NAME_CREDENTIAL = /key|token|x-amz-|%/i

/** The query less the client's credentials, every other parameter as sent and in order. */
export function queryWithoutCredentials(query: string): string {
  if (!/^[\x21\x22\x24-\x7e]*$/.test(query)) throw new Refusal('malformed_request', 'The query is not escaped.')
  if (!MAY_NAME_CREDENTIAL.test(query)) return query
  return query
    .split('&')
    .filter((parameter) => !isCredential(parameterName(parameter)))
    .join('&')
}

function isCredential(name: string): boolean {
  return CREDENTIALS.has(name) || name.startsWith(CREDENTIAL_PREFIX)
}

/** `model=gpt-realtime&x=1` → the model and `model={model}&x=1`; Azure's older name for it is `deployment`. */
export function modelInQuery(query: string): { model: string | undefined; query: string } {
  if (query.includes(';')) throw new Refusal('malformed_request', 'The query has more than one reading.')
  let model: string | undefined
  const parameters = query.split('&').map((parameter) => {
    const name = parameterName(parameter)
    if (name !== 'model' && name !== 'deployment') return parameter
    if (model !== undefined || !parameter.startsWith(`${name}=`)) {
      throw new Refusal('malformed_request', 'The query names the model in more than one way.')
    }
    // In a query some read it as a space.
    if (parameter.includes('+')) throw new Refusal('malformed_request', 'The model name is not escaped.')
    model = modelOf(parameter.slice(name.length + 1))
    return `${name}={model}`
  })
  return { model, query: parameters.join('&') }
}

export function parameterName(parameter: string): string {
  const equals = parameter.indexOf('=')
  return percentDecoded(equals < 0 ? parameter : parameter.slice(0, equals)).toLowerCase()
}

function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch (cause) {
    throw new Refusal('malformed_request', 'A percent-encoding is not valid UTF-8.', { cause })
  }
}
