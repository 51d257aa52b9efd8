// The operator as a process, the bundle that an image carries, and what the system says of it. In: a site. Out: a running operator
// that can be asked for its memory, its processor time and its own metrics.
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { eventually } from '../support/patience.ts'
import { pidOf } from '../support/processes.ts'
import { HOST, type Site, WEBHOOK_PORT } from './site.ts'

export interface OperatorProcess {
  /** Since the process was started. */
  readonly startedMs: number
  memory(): Promise<Memory>
  /** Of all threads, user and system. */
  cpuSeconds(): Promise<number>
  /** Value of a series of its metrics by name and labels, as Prometheus text has them. */
  metric(series: string): Promise<number>
  stop(): Promise<void>
}

export interface Memory {
  rssMb: number
  /** The most that it ever was. */
  peakMb: number
}

/** The one that `make build` builds. */
export const PROGRAM = path.join(import.meta.dirname, '../../../bin/outrigger')
const NAME = 'operator'
const ADMIN = '127.0.0.1:8080'
/** Of /proc: USER_HZ, 100 on every Linux. */
const TICKS_PER_SECOND = 100

/** Returns as soon as it was started; it is not ready then. */
export async function startOperator(
  { cluster, kubeconfig, injectionFile }: Site,
  program: string,
): Promise<OperatorProcess> {
  const flags = {
    kubeconfig,
    'injection-file': injectionFile,
    admin: ADMIN,
    webhook: `${HOST}:${WEBHOOK_PORT}`,
    'pod-name': 'operator-0',
  }
  const startedMs = performance.now()
  await cluster.startProgram({
    name: NAME,
    command: program,
    args: ['operator', ...Object.entries(flags).map(([name, value]) => `--${name}=${value}`)],
  })
  const pid = await pidOf(cluster.place, NAME)
  if (pid === undefined) throw new Error('the operator ended at once: see its log')
  return {
    startedMs,
    memory: () => readMemory(pid),
    cpuSeconds: () => readCpuSeconds(pid),
    metric: readMetric,
    stop: () => cluster.endProgram(NAME),
  }
}

export async function isReady(): Promise<boolean> {
  return await fetch(`http://${ADMIN}/readyz`).then(
    ({ ok }) => ok,
    () => false,
  )
}

export async function becomesReady(): Promise<void> {
  await eventually('the operator is ready', isReady, { everyMs: 20 })
}

async function readMemory(pid: number): Promise<Memory> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  const mb = (field: string): number =>
    Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? Number.NaN) / 1024
  return { rssMb: mb('VmRSS'), peakMb: mb('VmHWM') }
}

async function readCpuSeconds(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8')
  // After the name in parentheses, which may hold anything: utime is the 12th field, stime the 13th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

async function readMetric(series: string): Promise<number> {
  const text = await (await fetch(`http://${ADMIN}/metrics`)).text()
  const line = text.split('\n').find((each) => each.startsWith(`${series} `))
  return Number(line?.slice(series.length + 1) ?? Number.NaN)
}
