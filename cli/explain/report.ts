// One request, told to people: what was asked, which rule decided, every attempt in order, what the caller got, what to do.
//
// In: a line of the access log. Out: text of at most 100 characters a line. It knows no more than the line says, and makes up
// nothing: what an older sidecar did not write is left out.
import type { AccessLine } from './access-line.ts'
import { advice } from './advice.ts'
import { labelled, span } from './layout.ts'
import { limitName } from './limit-name.ts'
import { messageOf, triesText, usageText } from './tries.ts'

const INDENT = 10

export function report(line: AccessLine): string {
  const facts: [label: string, text: string][] = [
    ['request', `${line.requestId}, ended ${line.time} after ${span(line.durationMs)}`],
    ['asked', askedText(line)],
    ['route', routeText(line)],
    ['caller', gotText(line)],
    ['at fault', line.fault ?? ''],
    ['figures', figuresText(line)],
    ['used', line.usage === undefined ? '' : usageText(line.usage, line.costUsd)],
    ['held', heldText(line)],
    ['limit', limitText(line)],
    ['shadow', line.shadow.length === 0 ? '' : `would have been refused by ${line.shadow.join(', ')}`],
    ['budget', line.warnings.length === 0 ? '' : `past ${line.warnings.join(', ')}`],
  ]
  const told = facts.filter(([, text]) => text !== '')
  return [
    told.map(([label, text]) => labelled(label, text, INDENT)).join('\n'),
    line.tries.length === 0 ? 'No provider was asked.' : triesText(line),
    ...adviceText(advice(line)),
  ].join('\n\n')
}

function askedText({ operation, requestedModel, stream, method, dialect }: AccessLine): string {
  const model = requestedModel === undefined ? 'without a model' : `for model "${requestedModel}"`
  const how = [method, dialect && `${dialect} API`, stream === 'Streamed' ? 'streamed' : undefined].filter(Boolean)
  return `${operation ?? 'something that was not understood'} ${model} (${how.join(', ')})`
}

function routeText({ route, rule, operation }: AccessLine): string {
  if (route !== undefined) return `${route}, rule ${rule ?? 'unknown'}`
  return operation === undefined ? 'none: it did not come so far' : 'none decided'
}

function gotText({ status, failure }: AccessLine): string {
  if (failure === 'client_closed') return 'left before the answer was complete'
  if (status === 101) return failure === undefined ? 'a WebSocket' : `a WebSocket, and then ${failureText(failure)}`
  if (failure === undefined)
    return status < 400 ? `${status}, the whole answer` : `${status}, the provider's own answer`
  if (status < 400) return `${status}, and then an answer that broke off visibly: ${failureText(failure)}`
  return `${status} ${failureText(failure)}`
}

function failureText(failure: string): string {
  const message = messageOf(failure)
  return message === undefined ? failure : `${failure}: ${message}`
}

function figuresText({ attempts, bytesOut, firstByteMs }: AccessLine): string {
  const first = firstByteMs === undefined ? '' : `first byte after ${span(firstByteMs)}, `
  return `${attempts === 1 ? '1 attempt' : `${attempts} attempts`}, ${first}${bytesOut} bytes to the caller`
}

/** What limits count in tokens is held before an attempt, and is what was used afterwards. */
function heldText({ reservedTokens, usage }: AccessLine): string {
  if (reservedTokens === undefined) return ''
  const settled = usage === undefined ? '' : `, ${usage.inputTokens + usage.outputTokens} settled`
  return `${reservedTokens} tokens reserved${settled}`
}

function limitText(line: AccessLine): string {
  const { limit, limitKey } = line
  if (limit === undefined) return ''
  return `refused by ${limitName(line)}${limitKey === undefined ? '' : `, in its count for ${limitKey}`}`
}

function adviceText(sentences: readonly string[]): string[] {
  return sentences.length === 0 ? [] : [`What to do:\n${sentences.map((one) => labelled('-', one, 2)).join('\n')}`]
}
