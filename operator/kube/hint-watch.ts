// Watches one object to learn that it is time to read it again. What the events say is not believed, and a watch that fails or
// ends is not missed: whoever reads the object now and then opens it again after the next read.
//
// An object that nobody changes is soon older than the history that the server keeps (410): the next watch then begins with what
// there is. Handing that error on as news made a busy cluster's operator read the object five times a second for ever.
import type { Log } from '../../process/log.ts'
import { messageOf } from './answer-status.ts'
import type { WatchEvent } from './client.ts'
import { isExpired } from './list.ts'
import type { OneObject } from './one-object.ts'

export interface HintWatch {
  /**
   * Unless it is open: watches from what was read, so that the first event is news and not what made it be read. Without a
   * resourceVersion the object was not there, and its coming is the first event.
   */
  open(resourceVersion: string | undefined): void
  close(): void
}

export function createHintWatch({
  object,
  onEvent,
  log,
}: {
  object: Pick<OneObject<unknown>, 'place' | 'watch'>
  onEvent(event: WatchEvent): void
  log: Log
}): HintWatch {
  let current: AbortController | undefined
  let refused = false
  const take = (event: WatchEvent): void => {
    if (event.type === 'ERROR') refused = true
    else onEvent(event)
  }
  return {
    open(resourceVersion) {
      if (current !== undefined) return
      const watch = new AbortController()
      current = watch
      const since = refused ? undefined : resourceVersion
      refused = false
      object
        .watch(since, take, watch.signal)
        .catch((error: unknown) => {
          refused ||= isExpired(error)
          log.debug('a watch ended', { object: object.place, error: messageOf(error) })
        })
        .finally(() => {
          if (current === watch) current = undefined
        })
    },
    close() {
      current?.abort()
      current = undefined
    },
  }
}
