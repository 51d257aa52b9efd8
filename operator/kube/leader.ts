// Leader election by a Lease: which of several operators writes. The decisions are in operator/leader/lease.ts; here are their
// requests and timers.
//
// In: a client, the lease's name, this process's identity, its clocks. Out: `onStarted` with a signal that ends with the term,
// `onLost`, and `isLeader()`, which asks the clocks each time, so that it is right even when timers are late. A lost lease is
// applied for again, until `release()`.
//
// A candidate reads the lease every 2 to 4.4 s. It also watches it, to come at once when a leader leaves; the watch only saves
// time: what it shows is not believed, but read again, and a watch that fails is not missed.
//
// What it cannot do: fence a process that is stopped between asking `isLeader()` and writing. So a leader's writes carry the
// resourceVersion that they are based on, or are the same whoever writes them.
import type { Log } from '../../process/log.ts'
import {
  heldBy,
  holderOf,
  LEASE_TIMINGS,
  type Lease,
  type LeaseTimings,
  type Moment,
  moveOf,
  released,
  remainingMs,
  retryDelayMs,
  type Sighting,
  sightingOf,
} from '../leader/lease.ts'
import { answerStatus, messageOf } from './answer-status.ts'
import type { KubeClient, WatchEvent } from './client.ts'
import { createHintWatch, type HintWatch } from './hint-watch.ts'
import { type OneObject, oneObject, type RequestLimits } from './one-object.ts'
import { LEASES } from './resource.ts'
import { createPause, type Pause, type SetTimer, setTimer } from './timer.ts'

export interface LeaderElectionOptions {
  client: KubeClient
  /** Where the lease lies. */
  namespace: string
  /** The lease's name. */
  name: string
  /** This process among all candidates: the pod's name. A process that finds its own name in the lease goes on leading. */
  identity: string
  /** A term began. The signal is aborted when it ends, for whatever reason. */
  onStarted(signal: AbortSignal): void
  /** A term ended that was not released; called after the signal was aborted. */
  onLost(): void
  log: Log
  /** Milliseconds since the epoch. */
  now(): number
  /** Milliseconds of a clock that never goes back: performance.now. */
  uptime(): number
  /** In [0, 1). */
  random(): number
  timings?: LeaseTimings
  startTimer?: SetTimer
}

export interface LeaderElection {
  /** Ask before each write. */
  isLeader(): boolean
  /**
   * Ends the term, and gives the lease up, so that another candidate need not wait for its end. Call it when the work of the term
   * has stopped. Never rejects: a lease that cannot be given up expires.
   */
  release(): Promise<void>
}

/** A request that takes longer is tried again; two fit into the time that a leader has to renew. */
const REQUEST_TIMEOUT_MS = 5_000
/** The process is about to end, and has other things to do. */
const RELEASE_TIMEOUT_MS = 2_000
/** A renewal of ours that was still under way may come between reading and giving up. */
const RELEASE_TRIES = 3

export function startLeaderElection(options: LeaderElectionOptions): LeaderElection {
  const election = new Election(options)
  void election.campaign()
  return election
}

interface Term {
  /** Both clocks just before the last successful write was sent. */
  renewedAt: Moment
  /** Ends what is done in this term. */
  work: AbortController
  cancelDeadline: () => void
}

class Election implements LeaderElection {
  readonly #options: LeaderElectionOptions
  readonly #timings: LeaseTimings
  readonly #startTimer: SetTimer
  readonly #pause: Pause
  readonly #lease: OneObject<Lease>
  readonly #watch: HintWatch
  readonly #closing = new AbortController()
  /** Of the lease as the API server gave it last; undefined while it is not there. */
  #sighting: Sighting | undefined
  #term: Term | undefined
  #releasing: Promise<void> | undefined

  constructor(options: LeaderElectionOptions) {
    this.#options = options
    this.#lease = oneObject<Lease>(options.client, LEASES, options)
    this.#timings = options.timings ?? LEASE_TIMINGS
    this.#startTimer = options.startTimer ?? setTimer
    this.#pause = createPause(this.#startTimer)
    const onEvent = ({ type, object }: WatchEvent): void => {
      if (type === 'MODIFIED' && holderOf(object as Lease) === undefined) this.#pause.wake()
    }
    this.#watch = createHintWatch({ object: this.#lease, onEvent, log: options.log })
  }

  isLeader(): boolean {
    return this.#term !== undefined && remainingMs(this.#term.renewedAt, this.#moment(), this.#timings) > 0
  }

  async campaign(): Promise<void> {
    const { random } = this.#options
    while (!this.#closing.signal.aborted) {
      await this.#attempt()
      this.#watchForRelease()
      await this.#pause.wait(retryDelayMs(this.#term ? 'Leader' : 'Candidate', random(), this.#timings))
    }
  }

  release(): Promise<void> {
    this.#releasing ??= this.#leave()
    return this.#releasing
  }

  async #attempt(): Promise<void> {
    try {
      if (await this.#renew()) return
      await this.#read()
      const move = moveOf(this.#sighting, this.#options, this.#moment(), this.#timings)
      if (move.kind !== 'Wait') await this.#write(move.kind, move.lease)
    } catch (error) {
      if (this.#closing.signal.aborted) return
      const note = { lease: this.#lease.place, error: messageOf(error) }
      if (answerStatus(error) === 409) this.#options.log.debug('another candidate was faster', note)
      else this.#options.log.warn('the lease could not be read or written', note)
    }
  }

  /** A leader writes without reading first. False when it does not lead, or the lease is not as it left it. */
  async #renew(): Promise<boolean> {
    if (this.#term === undefined || this.#sighting === undefined) return false
    try {
      await this.#write('Replace', heldBy(this.#sighting.lease, this.#options, this.#moment(), this.#timings))
      return true
    } catch (error) {
      const status = answerStatus(error)
      if (status !== 409 && status !== 404) throw error
      return false
    }
  }

  async #read(): Promise<void> {
    const lease = await this.#lease.read(this.#limits())
    this.#sighting = lease && sightingOf(this.#sighting, lease, this.#options.uptime())
    const holder = lease && holderOf(lease)
    if (holder !== undefined && holder !== this.#options.identity) this.#lose(`it is held by ${holder}`)
  }

  async #write(kind: 'Create' | 'Replace', lease: Lease): Promise<void> {
    const sentAt = this.#moment()
    const write = kind === 'Create' ? this.#lease.create : this.#lease.replace
    const written = await write(lease, this.#limits())
    if (this.#closing.signal.aborted) return
    this.#sighting = sightingOf(this.#sighting, written, this.#options.uptime())
    this.#lead(sentAt)
  }

  /** Begins a term, or prolongs it; an answer that took too long does neither. */
  #lead(renewedAt: Moment): void {
    if (remainingMs(renewedAt, this.#moment(), this.#timings) <= 0) return
    if (this.#term !== undefined) {
      this.#term.cancelDeadline()
      this.#term.renewedAt = renewedAt
      this.#awaitDeadline(this.#term)
      return
    }
    const term: Term = { renewedAt, work: new AbortController(), cancelDeadline: () => undefined }
    this.#term = term
    this.#awaitDeadline(term)
    this.#watch.close()
    this.#options.log.info('this process leads', { lease: this.#lease.place, identity: this.#options.identity })
    this.#options.onStarted(term.work.signal)
  }

  /** Timers may be early by a fraction of a millisecond: the clocks decide. */
  #awaitDeadline(term: Term): void {
    const leftMs = remainingMs(term.renewedAt, this.#moment(), this.#timings)
    if (leftMs <= 0) return this.#lose('it could not be renewed in time')
    term.cancelDeadline = this.#startTimer(() => this.#awaitDeadline(term), Math.ceil(leftMs))
  }

  #lose(reason: string): void {
    if (!this.#endTerm()) return
    this.#options.log.error('this process no longer leads', { lease: this.#lease.place, reason })
    this.#options.onLost()
  }

  #endTerm(): boolean {
    const term = this.#term
    if (term === undefined) return false
    this.#term = undefined
    term.cancelDeadline()
    term.work.abort()
    return true
  }

  #watchForRelease(): void {
    if (this.#term || this.#closing.signal.aborted || this.#sighting === undefined) return
    this.#watch.open(this.#sighting.lease.metadata.resourceVersion)
  }

  async #leave(): Promise<void> {
    const ended = this.#endTerm()
    this.#closing.abort()
    this.#watch.close()
    this.#pause.wake()
    const { log } = this.#options
    const note = { lease: this.#lease.place }
    try {
      for (let tries = 1; !(await this.#giveUp()); tries += 1) {
        if (tries === RELEASE_TRIES) throw new Error('it kept changing')
      }
      if (ended) log.info('the lease was released', note)
    } catch (error) {
      log.warn('the lease was not released; it will expire', { ...note, error: messageOf(error) })
    }
  }

  /** Reads first, also when this process does not lead: the answer to a write may have been lost. False: try again. */
  async #giveUp(): Promise<boolean> {
    const limits = { timeoutMs: RELEASE_TIMEOUT_MS }
    const lease = await this.#lease.read(limits)
    if (lease === undefined || holderOf(lease) !== this.#options.identity) return true
    try {
      await this.#lease.replace(released(lease, this.#options.now()), limits)
      return true
    } catch (error) {
      if (answerStatus(error) === 409) return false
      throw error
    }
  }

  #limits(): RequestLimits {
    return { timeoutMs: REQUEST_TIMEOUT_MS, signal: this.#closing.signal }
  }

  #moment(): Moment {
    return { wallMs: this.#options.now(), uptimeMs: this.#options.uptime() }
  }
}
