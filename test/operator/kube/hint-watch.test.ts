import { expect, test } from '@jest/globals'
import { KubeError, type WatchEvent } from '../../../operator/kube/client.ts'
import { createHintWatch } from '../../../operator/kube/hint-watch.ts'
import { recordedLog } from '../../support/recorded-log.ts'

const NEWS: WatchEvent = { type: 'MODIFIED', object: {} }
const EXPIRED: WatchEvent = { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } }

/** A server that no longer has the history since `old` and `older`, and says so in either way. */
function start() {
  const versions: (string | undefined)[] = []
  const events: WatchEvent[] = []
  const tell: ((event: WatchEvent) => void)[] = []
  const watch = createHintWatch({
    object: {
      place: 'outrigger/tls',
      async watch(resourceVersion, onEvent) {
        versions.push(resourceVersion)
        if (resourceVersion === 'old') return onEvent(EXPIRED)
        if (resourceVersion === 'older') throw new KubeError('too old', { status: 410, reason: 'Expired' })
        tell.push(onEvent)
        await new Promise(() => {})
      },
    },
    onEvent: (event) => events.push(event),
    log: recordedLog(),
  })
  return { watch, versions, events, tell: (event: WatchEvent) => tell.at(-1)?.(event) }
}

async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve))
}

test('hands on what happens, and is opened once', async () => {
  const { watch, versions, events, tell } = start()
  watch.open('5')
  watch.open('6')
  tell(NEWS)
  await settled()
  expect([versions, events]).toEqual([['5'], [NEWS]])
})

test.each(['old', 'older'])(
  'an %s object than the history is followed from now on, and its age is no news',
  async (old) => {
    const { watch, versions, events, tell } = start()
    watch.open(old)
    await settled()
    expect(events).toEqual([])
    watch.open(old)
    await settled()
    watch.open(old)
    tell(NEWS)
    expect([versions, events]).toEqual([[old, undefined], [NEWS]])
  },
)
