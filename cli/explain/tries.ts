// The attempts of a request as a table, and under each what happened and why.
import { FAILURES, type FailureCode } from '../../sidecar/errors.ts'
import type { AccessLine, TokenCounts, Try } from './access-line.ts'
import { type Column, columns, labelled, span, WIDTH } from './layout.ts'

const COLUMNS: readonly Column[] = [
  { title: '#', align: 'right', width: 'Fixed' },
  { title: 'PROVIDER', align: 'left', width: 'Flexible' },
  { title: 'MODEL', align: 'left', width: 'Flexible' },
  { title: 'CREDENTIAL', align: 'left', width: 'Flexible' },
  { title: 'CIRCUIT', align: 'left', width: 'Fixed' },
  { title: 'WAITED', align: 'right', width: 'Fixed' },
  { title: 'TOOK', align: 'right', width: 'Fixed' },
  { title: 'STATUS', align: 'right', width: 'Fixed' },
]

const CIRCUITS: Readonly<Record<string, string>> = { Closed: 'closed', HalfOpen: 'half-open', Open: 'open' }

const NOTHING = '-'

export function triesText({ tries, skippedMore, requestedModel }: AccessLine): string {
  let sent = 0
  const rows = tries.map((one) => cells(one, one.outcome === 'Skipped' ? NOTHING : String(++sent), requestedModel))
  const indent = Math.max(1, String(sent).length) + 2
  const { head, blocks } = columns(COLUMNS, rows, WIDTH)
  const lines = tries.flatMap((one, i) => [
    blocks[i] as string,
    ...remarks(one).map((remark) => labelled('', remark, indent)),
  ])
  const more = skippedMore === 0 ? [] : [labelled('', `${skippedMore} more passed over`, indent)]
  return [head, ...lines, ...more].join('\n')
}

function cells(one: Try, mark: string, requestedModel: string | undefined): string[] {
  return [
    mark,
    one.provider ?? NOTHING,
    one.model ?? requestedModel ?? NOTHING,
    one.credential ?? NOTHING,
    one.circuit === undefined ? NOTHING : (CIRCUITS[one.circuit] ?? one.circuit),
    one.waitedMs === undefined || one.waitedMs === 0 ? NOTHING : span(one.waitedMs),
    one.durationMs === undefined ? NOTHING : span(one.durationMs),
    one.status === undefined || one.status === 0 ? NOTHING : String(one.status),
  ]
}

function remarks(one: Try): string[] {
  if (one.outcome === 'Skipped') return [`passed over: ${one.why ?? one.word ?? 'for no reason that was noted'}`]
  const billed = one.usage === undefined ? [] : [`billed: ${usageText(one.usage, one.costUsd)}`]
  return [...(one.why === undefined ? [] : [`chosen: ${one.why}`]), outcomeText(one), ...billed]
}

function outcomeText({ outcome, reason, word, firstByteMs, status = 0 }: Try): string {
  const details = [reason, word].filter((part) => part !== undefined)
  const told = details.length === 0 ? '' : ` (${details.join(', ')})`
  const first = firstByteMs === undefined ? '' : `, first byte after ${span(firstByteMs)}`
  if (outcome === 'Answered') {
    return reason === undefined && status < 400 ? `answered${told}${first}` : `answered with an error${told}${first}`
  }
  // The status of an error says more than a sentence about it.
  const message = status >= 400 ? undefined : messageOf(outcome)
  return `failed: ${outcome}${told}${first}${message === undefined ? '' : `. ${message}`}`
}

/** Undefined for what this version does not know. */
export function messageOf(code: string): string | undefined {
  return Object.hasOwn(FAILURES, code) ? FAILURES[code as FailureCode].message : undefined
}

export function usageText(usage: TokenCounts, costUsd: string | undefined): string {
  const { inputTokens, outputTokens, cachedInputTokens, reasoningTokens, estimated } = usage
  const cached = cachedInputTokens ? ` (${cachedInputTokens} cached)` : ''
  const reasoning = reasoningTokens ? ` (${reasoningTokens} reasoning)` : ''
  const cost = costUsd === undefined ? 'price unknown' : `${costUsd} USD`
  return `${inputTokens} tokens in${cached}, ${outputTokens} out${reasoning}${estimated ? ', estimated' : ''}, ${cost}`
}
