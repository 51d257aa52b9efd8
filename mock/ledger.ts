// The mock's own account of what it has told and sent, so that whoever passes its answers on can be held to the token.
//
// In: the events of each answer as they go out, with the usage that the dialect put into them, in no dialect; and how the answer
// ended. Out: sums by UTC day, dialect and model. Answers that went out whole count as what they told. Those that broke off, by a
// behaviour or because the client left, count apart: as what they had told until then, and as the tokens of what had been sent, of
// which the client may have got less. Errors in an answer's place count nothing, and WebSockets are not accounted for.
// It never reads an answer back: a wrong encoding would be read as wrongly. Rejected: keeping every answer, which `onAnswer` leaves
// to those who want it.
import type { Accounted, Answer, Call, Dialect } from './call.ts'
import { BYTES_PER_TOKEN, plainUsage, type Usage } from './completion.ts'

/** An answer that has ended, or broken off. */
export interface AnswerAccount {
  /** `YYYY-MM-DD`, UTC, on which it ended. */
  readonly day: string
  readonly dialect: Dialect
  /** As the mock was asked. */
  readonly model: string
  readonly whole: boolean
  /** The last that it told; undefined where it told nothing. */
  readonly told: Usage | undefined
  /** Tokens of what the model wrote, as far as it was sent; of a document that broke off, of all that it is. */
  readonly sentTokens: number
  /** Milliseconds since the epoch: when the answer was about to begin. */
  readonly openedAt: number
  /** Of the request, so that whoever asked can tell which it was. */
  readonly headers: Call['headers']
}

export interface LedgerRow extends Pick<AnswerAccount, 'day' | 'dialect' | 'model'> {
  readonly whole: LedgerSum
  readonly brokenOff: LedgerSum
}

/** Counts of tokens are of what was told. */
export interface LedgerSum extends Usage {
  readonly requests: number
  /** Of requests: those that told no usage. */
  readonly silent: number
  readonly sentTokens: number
}

export interface Ledger {
  /** Answers under way. */
  readonly open: number
  /** In the order of first use. */
  readonly rows: readonly LedgerRow[]
}

type Sum = { -readonly [name in keyof LedgerSum]: LedgerSum[name] }

interface Row extends LedgerRow {
  readonly whole: Sum
  readonly brokenOff: Sum
}

export interface LedgerOptions {
  /** Milliseconds since the epoch. */
  wallClock(): number
  onAnswer?: ((account: AnswerAccount) => void) | undefined
}

export class AnswerLedger {
  readonly #options: LedgerOptions
  readonly #rows = new Map<string, Row>()
  #open = 0

  constructor(options: LedgerOptions) {
    this.#options = options
  }

  /** To be asked before it is sent, and closed once. Undefined for answers that use nothing: errors, lists. */
  open(call: Pick<Call, 'dialect' | 'model' | 'headers'>, answer: Answer): Bill | undefined {
    if (answer.kind === 'unary' && answer.told === undefined) return undefined
    const { dialect, model, headers } = call
    const openedAt = this.#options.wallClock()
    this.#open += 1
    return new Bill((counted) => {
      this.#open -= 1
      this.#add({ day: dayOf(this.#options.wallClock()), dialect, model, openedAt, headers, ...counted })
    })
  }

  /** A copy. */
  report(): Ledger {
    const rows = this.#rows.values().map(({ whole, brokenOff, ...of }) => ({
      ...of,
      whole: { ...whole },
      brokenOff: { ...brokenOff },
    }))
    return { open: this.#open, rows: [...rows] }
  }

  #add(account: AnswerAccount): void {
    const { day, dialect, model, whole } = account
    const key = JSON.stringify([day, dialect, model])
    const row = this.#rows.get(key) ?? { day, dialect, model, whole: emptySum(), brokenOff: emptySum() }
    this.#rows.set(key, row)
    addTo(whole ? row.whole : row.brokenOff, account)
    this.#options.onAnswer?.(account)
  }
}

type Counted = Pick<AnswerAccount, 'whole' | 'told' | 'sentTokens'>

/** What one answer has told and sent so far. */
export class Bill {
  #told: Usage | undefined
  #writtenBytes = 0
  readonly #onClose: (counted: Counted) => void

  constructor(onClose: (counted: Counted) => void) {
    this.#onClose = onClose
  }

  /** From here on some of it may arrive. */
  sending({ wrote = '' }: Accounted): void {
    this.#writtenBytes += Buffer.byteLength(wrote)
  }

  /** All of it was handed to the kernel. */
  sent({ told }: Accounted): void {
    this.#told = told ?? this.#told
  }

  close(end: 'Whole' | 'BrokenOff'): void {
    const sentTokens = Math.ceil(this.#writtenBytes / BYTES_PER_TOKEN)
    this.#onClose({ whole: end === 'Whole', told: this.#told, sentTokens })
  }
}

function addTo(sum: Sum, { told, sentTokens }: AnswerAccount): void {
  sum.requests += 1
  sum.sentTokens += sentTokens
  if (told === undefined) {
    sum.silent += 1
    return
  }
  sum.inputTokens += told.inputTokens
  sum.cachedTokens += told.cachedTokens
  sum.cacheWriteTokens += told.cacheWriteTokens
  sum.outputTokens += told.outputTokens
  sum.reasoningTokens += told.reasoningTokens
}

function emptySum(): Sum {
  return { requests: 0, silent: 0, ...plainUsage(0), sentTokens: 0 }
}

function dayOf(epochMs: number): string {
  return new Date(epochMs).toISOString().slice(0, 10)
}
