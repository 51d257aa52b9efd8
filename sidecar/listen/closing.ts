// How a listener shuts down: in two steps, because its process may be replaced while the application lives on (a change of
// the sidecar's image restarts that container only), and nobody listens until the next one has started.
//
// `LastAnswers`: everything is accepted and answered as before, but each answer says that it is the last one on its
// connection, so that clients come back on a new one. It lasts until the requests that were open at its beginning have
// ended, or for so long that those that came later still have time to end. Refusing meanwhile would gain nothing: the process
// stays in any case.
// `Ending`: nobody listens any more, and connections end as soon as they are idle.
//
// Idle connections stay open during the first step: a client may be sending on one just now.

export type ClosingStage = 'Open' | 'LastAnswers' | 'Ending'

export class Closing {
  stage: ClosingStage = 'Open'
  readonly #awaited = new Set<object>()
  readonly #settled = Promise.withResolvers<void>()

  /** Answers are to say that they are the last ones on their connections. */
  get lastAnswers(): boolean {
    return this.stage !== 'Open'
  }

  /** Begins the first step; resolves at its end. `open` is whatever has a request now and tells `settled` of its end. */
  async lastAnswersUntil(open: Iterable<object>, withinMs: number): Promise<void> {
    this.stage = 'LastAnswers'
    for (const each of open) this.#awaited.add(each)
    if (this.#awaited.size === 0) return
    const timer = setTimeout(this.#settled.resolve, withinMs)
    await this.#settled.promise
    clearTimeout(timer)
  }

  /** The request of this one has ended. */
  settled(one: object): void {
    if (this.#awaited.delete(one) && this.#awaited.size === 0) this.#settled.resolve()
  }
}

/** Resolves when the event loop has looked at all its sockets once more, so that what had arrived by now was read. */
export function polled(): Promise<void> {
  // The first may come before that look, in the turn that goes on now.
  return new Promise((resolve) => setImmediate(() => setImmediate(resolve)))
}
