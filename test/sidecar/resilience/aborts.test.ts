// Clients that leave, in every phase: their requests end at the provider, none is sent later, and nothing stays behind. A sample; all
// of it, with figures, is `make aborts`.
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { until } from '../../support/client.ts'
import { below, seeded } from '../../support/random.ts'
import { startTestSidecar, type TestSidecar } from '../../support/sidecar.ts'
import { type AbortSite, PHASES, type Phase, startAbortSite, underWay } from './abort-phases.ts'
import { inParallel } from './in-parallel.ts'

const ABORTS = 300
const WIDTH = 20
const WAIT_MS_MAX = 10

let site: AbortSite
let sidecar: TestSidecar

beforeAll(async () => {
  site = await startAbortSite()
  sidecar = await startTestSidecar({ config: site.config })
})
afterAll(async () => {
  await sidecar.stop()
  await site.close()
})

test(`${ABORTS} requests that are abandoned leave nothing behind`, async () => {
  const release = await site.occupy(sidecar.url)
  const random = seeded(1)
  const phases = Array.from({ length: ABORTS }, (_, at) => PHASES[at % PHASES.length] as Phase)
  const aborted = await inParallel(phases, WIDTH, (phase) => site.abort(sidecar.url, phase, below(random, WAIT_MS_MAX)))
  await release()
  expect(aborted.filter(({ askedLater }) => askedLater > 0)).toEqual([])
  await until(
    () => underWay(sidecar.adminUrl),
    ({ requests, attempts, waiting }) => requests === 0 && attempts === 0 && waiting === 0,
  )
  // Free ones may be kept for a while, and those that were connecting run into their limit.
  await until(
    () => site.open,
    (open) => open === 0,
  )
  // Some leave before their request has come; all that had are told, as what they are.
  const reached = phases.filter((phase) => phase !== 'Queued' && phase !== 'Connecting').length
  await until(
    () => sidecar.accessLines.length,
    (lines) => lines > reached,
  )
  expect(sidecar.accessLines.filter(({ failure }) => failure !== 'client_closed')).toEqual([])
}, 60_000)
