// A process that takes slots and lives on, until somebody kills it: node slot-holder.ts URL COUNT TTL_MS.
import { ask, countersOf, isAdmitted, limitRow, openSources } from './sources.ts'

const [url = '', count = '0', slotTtlMs = '0'] = process.argv.slice(2)
const sources = await openSources(url, 1, { timeoutMs: 1000, slotTtlMs: Number(slotTtlMs) })
const [counter] = countersOf(sources, limitRow({ what: 'Concurrency', limit: Number(count) }))
let held = 0
for (let i = 0; i < Number(count) && counter !== undefined; i++) if (isAdmitted(await ask(counter, 1))) held++
process.send?.(held)
setInterval(() => {}, 1000)
