// A sidecar as a process of its own, for measurements that a test's own memory and work would blur. Started by sidecar-process.ts
// with the folder to follow; says where it listens, what its access log says of requests that failed, and how much memory it has
// when asked.
import process from 'node:process'
import { createLog } from '../../../process/log.ts'
import { SIDECAR_FLAGS, type SidecarSettings } from '../../../sidecar/settings.ts'
import { startSidecar } from '../../../sidecar/sidecar.ts'

const values = Object.entries(SIDECAR_FLAGS).map(([name, flag]) => [name, flag.parse(flag.default)])
const settings: SidecarSettings = {
  ...(Object.fromEntries(values) as SidecarSettings),
  listen: { host: '127.0.0.1', port: 0 },
  admin: { host: '127.0.0.1', port: 0 },
  drainTimeout: 2000,
  accessLog: 'on',
}

const sidecar = await startSidecar({
  settings,
  version: '0.0.0-test',
  directory: process.argv[2] as string,
  log: createLog({
    level: 'error',
    service: 'sidecar',
    format: 'json',
    // What a flapping provider does to its keys is no news.
    write: (line) => line.includes('credential set aside') || process.stderr.write(line),
    now: Date.now,
  }),
  output: {
    write(text, done) {
      const failed = String(text)
        .split('\n')
        .filter((line) => /"status":[45]|"failure":"/.test(line) && !line.includes('"client_closed"'))
      if (failed.length > 0) process.send?.({ failed })
      done?.()
    },
    drained: async () => {},
  },
})

process.on('message', (message) => {
  if (message === 'memory') process.send?.({ memory: memory() })
  if (message === 'stop') void sidecar.drain().then(() => process.exit(0))
})
process.on('disconnect', () => process.exit(1))
process.send?.({ dataPlane: sidecar.dataPlane, admin: sidecar.admin })

/** What is left after what can be collected is. */
function memory(): { rssBytes: number; heapBytes: number } {
  for (let i = 0; i < 3; i++) globalThis.gc?.()
  const { rss, heapUsed, external } = process.memoryUsage()
  return { rssBytes: rss, heapBytes: heapUsed + external }
}
