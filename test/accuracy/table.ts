// The measured rows as Markdown.
import type { Cell, Figure, Result } from './cell.ts'
import { KINDS } from './kinds.ts'

export interface Row {
  readonly cell: Cell
  readonly result: Result
}

const COUNTED = { Alone: 'by itself', Store: 'in Redis', Shares: 'by shares' } as const
const AIMS = { Even: 'even', OneSided: 'one-sided' } as const

export function markdownOf(rows: readonly Row[]): string {
  const amounts = ['Requests', 'Tokens: used', 'held', 'Cost: used', 'held', 'Concurrency']
  return [
    'The most within any span of a window, in % of the limit:',
    '',
    ...tableOf(amounts, rows, ({ figures: { Requests, Tokens, Cost, Concurrency } }) => [
      ...[Requests.admitted, Tokens.admitted, Tokens.held, Cost.admitted, Cost.held, Concurrency.admitted],
    ]),
    '',
    'Used of what the limit allows in the two windows after that of the burst, in %:',
    '',
    ...tableOf(KINDS, rows, ({ figures }) => KINDS.map((kind) => usableOf(figures[kind]))),
  ].join('\n')
}

function usableOf({ usable }: Figure): number {
  return usable ?? Number.NaN
}

function tableOf(
  columns: readonly string[],
  rows: readonly Row[],
  partsOf: (result: Result) => readonly number[],
): string[] {
  const lines = rows.map(({ cell: { counted, sidecars, aim }, result }) => [
    ...[COUNTED[counted], String(sidecars), sidecars === 1 ? '' : AIMS[aim]],
    ...partsOf(result).map((part) => (part * 100).toFixed(1)),
  ])
  const head = ['counted', 'sidecars', 'load', ...columns]
  return [head, head.map(() => '---'), ...lines].map((cells) => `| ${cells.join(' | ')} |`)
}
