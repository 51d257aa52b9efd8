// An operator's process as far as leader election sees it: clocks that are its own, a way to the API server, and the ability to
// stand still, to sleep, to leave and to die.

import type { KubeRequest } from '../../../operator/kube/client.ts'
import { type LeaderElection, startLeaderElection } from '../../../operator/kube/leader.ts'
import { type RecordedLog, recordedLog } from '../../support/recorded-log.ts'
import type { LeaseServer, Passage } from './lease-server.ts'
import type { VirtualTime } from './virtual-time.ts'

export interface ProcessOptions {
  time: VirtualTime
  server: LeaseServer
  identity: string
  /** What its clock says more than the world's. */
  wallSkewMs?: number
  /** How fast its uptime runs: 1.02 is 2 % too fast. */
  rate?: number
  random?: () => number
  passage?: (request: KubeRequest) => Passage
}

const START_MS = Date.parse('2026-11-21T12:00:00Z')
const NEAR: Passage = { thereMs: 2, backMs: 2 }

export class CandidateProcess {
  readonly identity: string
  readonly log: RecordedLog = recordedLog()
  /** `started`, `ended` (the signal), `lost`: with the time of the world. */
  readonly events: string[] = []
  passage: (request: KubeRequest) => Passage
  wallSkewMs: number
  readonly #time: VirtualTime
  readonly #rate: number
  readonly #bornMs: number
  #stillUntilMs = 0
  #sleptMs = 0
  #alive = true
  readonly #election: LeaderElection

  constructor({ time, server, identity, wallSkewMs = 0, rate = 1, random = () => 0.5, passage }: ProcessOptions) {
    this.identity = identity
    this.wallSkewMs = wallSkewMs
    this.passage = passage ?? (() => NEAR)
    this.#time = time
    this.#rate = rate
    this.#bornMs = time.atMs
    this.#election = startLeaderElection({
      client: server.client({
        passage: (request) => this.passage(request),
        here: (delayMs, run) => time.at(time.atMs + delayMs, () => this.#runHere(run)),
        there: (delayMs, run) => void time.at(time.atMs + delayMs, run),
      }),
      namespace: 'outrigger-system',
      name: 'outrigger-operator',
      identity,
      log: this.log,
      now: () => START_MS + time.atMs + this.wallSkewMs,
      uptime: () => this.#uptimeMs(),
      random,
      startTimer: (run, delayMs) => this.#startTimer(run, delayMs),
      onStarted: (signal) => {
        this.#note('started')
        signal.addEventListener('abort', () => this.#note('ended'))
      },
      onLost: () => this.#note('lost'),
    })
  }

  /** Whether it would act as the leader now; one that stands still does not act. */
  get leads(): boolean {
    return this.#alive && !this.standsStill && this.#election.isLeader()
  }

  get standsStill(): boolean {
    return this.#time.atMs < this.#stillUntilMs
  }

  get alive(): boolean {
    return this.#alive
  }

  /** As SIGSTOP does: its clocks run on. */
  stop(durationMs: number): void {
    this.#stillUntilMs = Math.max(this.#stillUntilMs, this.#time.atMs + durationMs)
  }

  /** As a virtual machine does that is moved: its uptime, and so its timers, stand still too. */
  sleep(durationMs: number): void {
    if (this.standsStill) return
    this.#sleptMs += durationMs
    this.stop(durationMs)
  }

  die(): void {
    this.#alive = false
  }

  /** SIGTERM: leaves in good order, then ends. */
  async leave(): Promise<void> {
    await this.#election.release()
    this.#note('released')
    this.die()
  }

  #uptimeMs(): number {
    return 1_000 + (this.#time.atMs - this.#bornMs - this.#sleptMs) * this.#rate
  }

  #startTimer(run: () => void, delayMs: number): () => void {
    const dueMs = this.#uptimeMs() + delayMs
    let cancel = (): void => undefined
    const arm = (): void => {
      const leftMs = (dueMs - this.#uptimeMs()) / this.#rate
      cancel = this.#time.at(this.#time.atMs + leftMs, () =>
        this.#runHere(this.#uptimeMs() < dueMs - 0.001 ? arm : run),
      )
    }
    arm()
    return () => cancel()
  }

  #runHere(run: () => void): void {
    if (!this.#alive) return
    if (this.standsStill) this.#time.at(this.#stillUntilMs, () => this.#runHere(run))
    else run()
  }

  #note(event: string): void {
    this.events.push(`${event} ${Math.round(this.#time.atMs)}`)
  }
}
