// Reads and writes the ledgers of shared limits, a ConfigMap in each namespace that has such limits. In: the book, which knows what is to
// be in them. Out: one request at a time for each namespace, and what came of it back into the book.
//
// A ledger that cannot be reached holds up grants from counts that were never granted from, and nothing else.
import { LIMITS_CONFIG_MAP } from '../../contract/names.ts'
import type { Log } from '../../process/log.ts'
import type { ShareBook } from '../shares/book.ts'
import { type Ledger, parseLedger, renderLedger } from '../shares/ledger.ts'
import { applyObject } from './apply.ts'
import type { KubeClient, KubeError } from './client.ts'
import type { Clock } from './clock.ts'
import { CONFIG_MAPS, pathOf } from './resource.ts'

export interface ShareLedgersOptions {
  client: Pick<KubeClient, 'request'>
  book: ShareBook
  clock: Clock
  log: Log
}

interface Place {
  /** What is there; undefined: not known. */
  text: string | undefined
  state: 'Idle' | 'Busy'
  retryAtMs: number
}

const KEY = 'limits'
const EMPTY = renderLedger(new Map())
const RETRY_MS = 5_000

export class ShareLedgers {
  readonly #options: ShareLedgersOptions
  readonly #places = new Map<string, Place>()

  constructor(options: ShareLedgersOptions) {
    this.#options = options
  }

  /** Into the book. */
  async read(namespace: string): Promise<void> {
    const { client, book, clock, log } = this.#options
    await this.#alone(namespace, async (place) => {
      const path = pathOf(CONFIG_MAPS, { namespace, name: LIMITS_CONFIG_MAP })
      const found = await client
        .request<{ data?: Record<string, string> }>({ method: 'GET', path })
        .catch(unlessMissing)
      const text = found?.data?.[KEY] ?? EMPTY
      const parsed = parseLedger(text)
      if ('problems' in parsed) {
        const { problems } = parsed
        log.error('what is remembered of limits cannot be read; they begin anew', { namespace, problems })
      }
      book.setLedger(namespace, 'ledger' in parsed ? parsed.ledger : new Map(), clock.now())
      place.text = found === undefined ? EMPTY : text
    })
  }

  /** What the book has, where that is something else than what is there. */
  async write(namespace: string): Promise<void> {
    const { book, clock } = this.#options
    const ledger = book.ledgerOf(namespace, clock.now())
    const text = renderLedger(ledger)
    // The book may have forgotten what it has once written.
    if (this.#places.get(namespace)?.text === text) return book.setLedger(namespace, ledger, clock.now())
    await this.#alone(namespace, async (place) => {
      book.beforeLedger(namespace, ledger)
      place.text = undefined
      await this.#put(namespace, ledger, text)
      place.text = text
      book.setLedger(namespace, ledger, clock.now())
    })
  }

  async #put(namespace: string, ledger: Ledger, text: string): Promise<void> {
    const { client } = this.#options
    const metadata = { name: LIMITS_CONFIG_MAP, namespace }
    if (ledger.size > 0) {
      const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { [KEY]: text } }
      await applyObject(client, CONFIG_MAPS, configMap)
      return
    }
    await client.request({ method: 'DELETE', path: pathOf(CONFIG_MAPS, metadata) }).catch(unlessMissing)
  }

  async #alone(namespace: string, run: (place: Place) => Promise<void>): Promise<void> {
    const { clock, log } = this.#options
    const place = this.#places.get(namespace) ?? { text: undefined, state: 'Idle', retryAtMs: Number.NEGATIVE_INFINITY }
    this.#places.set(namespace, place)
    if (place.state === 'Busy' || place.retryAtMs > clock.uptime()) return
    place.state = 'Busy'
    try {
      await run(place)
    } catch (error) {
      place.retryAtMs = clock.uptime() + RETRY_MS
      const { reason, status } = error as KubeError
      // The namespace goes, or the term has ended.
      if (reason !== 'Aborted' && status !== 404)
        log.warn('what is used up of limits cannot be remembered', { namespace, retryInMs: RETRY_MS, error })
    } finally {
      place.state = 'Idle'
    }
  }
}

function unlessMissing(error: unknown): undefined {
  if ((error as KubeError).status !== 404) throw error
}
