// Processes that outlive the one that starts them. In: command lines. Out: a log file and a PID file each. They are ended by what
// the PID file says and by nothing else; it holds the process's start time beside the PID, so that a number that the system gave to
// somebody else meanwhile is never killed. Names and patterns (pkill) were rejected for that reason.
import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { eventually } from './patience.ts'
import type { Place } from './place.ts'

export interface Program {
  /** Names its log and its PID file. */
  name: string
  command: string
  args: readonly string[]
  env?: Readonly<Record<string, string>>
}

/** Of a process, for as long as it lives: a PID alone is given away again. */
export interface Identity {
  pid: number
  /** Clock ticks since boot, as /proc says it. */
  started: string
}

/** SIGKILL after that. */
const GRACE_MS = 10_000

/** That many tell why something ended. */
const LOG_LINES = 5

/** Where system programs lie that a plain user's PATH may not name. */
export const SYSTEM_PATH = `${process.env.PATH ?? ''}:/usr/local/sbin:/usr/sbin:/sbin`

/** A command line that runs in the cluster's network. `ip netns exec` was rejected: it remounts /sys, which hides the cgroups from the kubelet. */
export function inNetwork(
  { netns }: Place,
  command: string,
  args: readonly string[],
): { command: string; args: string[] } {
  if (netns === undefined) return { command, args: [...args] }
  return { command: 'nsenter', args: [`--net=${netns}`, '--', command, ...args] }
}

/** Returns as soon as it runs; its output is appended to its log. Throws when one of that name runs already. */
export async function start(place: Place, program: Program): Promise<void> {
  if (await isRunning(place, program.name)) throw new Error(`${program.name} runs already`)
  await mkdir(place.logs, { recursive: true })
  await mkdir(place.pids, { recursive: true })
  const log = openSync(path.join(place.logs, `${program.name}.log`), 'a')
  const { command, args } = inNetwork(place, program.command, program.args)
  const child = spawn(command, args, {
    cwd: place.folder,
    // A session of its own: an interrupt at the terminal is for the test runner, which then ends these in order.
    detached: true,
    stdio: ['ignore', log, log],
    env: { ...process.env, PATH: SYSTEM_PATH, ...program.env },
  })
  closeSync(log)
  const spawned = Promise.withResolvers<void>()
  child.once('spawn', spawned.resolve).once('error', spawned.reject)
  await spawned.promise
  child.unref()
  const identity = identityOf(child.pid ?? 0)
  if (identity === undefined) throw new Error(`${program.name} ended at once: see ${place.logs}/${program.name}.log`)
  await writeFile(pidFile(place, program.name), JSON.stringify(identity))
}

/** Asks it to end, kills it after a while, returns when it is gone. Nothing happens when it does not run. */
export async function end(place: Place, name: string, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  const identity = await readIdentity(place, name)
  if (identity !== undefined) await endProcess(identity, signal)
  await rm(pidFile(place, name), { force: true })
}

export async function isRunning(place: Place, name: string): Promise<boolean> {
  const identity = await readIdentity(place, name)
  return identity !== undefined && lives(identity)
}

/** PID of one that runs. */
export async function pidOf(place: Place, name: string): Promise<number | undefined> {
  const identity = await readIdentity(place, name)
  return identity !== undefined && lives(identity) ? identity.pid : undefined
}

export function ownIdentity(): Identity {
  return identityOf(process.pid) ?? { pid: process.pid, started: '' }
}

/** Names of all that were started and not ended, whether they live or not. */
export async function started({ pids }: Place): Promise<string[]> {
  const files = await readdir(pids).catch(() => [])
  return files.filter((file) => file.endsWith('.json')).map((file) => path.basename(file, '.json'))
}

/** What was started, not ended, and is nevertheless gone, with the end of its log; undefined when all live. */
export async function whatDied(place: Place): Promise<string | undefined> {
  for (const name of await started(place)) {
    if (await isRunning(place, name)) continue
    const log = await readFile(path.join(place.logs, `${name}.log`), 'utf8').catch(() => '')
    return `${name} has ended:\n${log.trimEnd().split('\n').slice(-LOG_LINES).join('\n')}`
  }
  return undefined
}

/** Ends any process in the same way, by PID. */
export async function endPid(pid: number, signal: NodeJS.Signals): Promise<void> {
  const identity = identityOf(pid)
  if (identity !== undefined) await endProcess(identity, signal)
}

async function endProcess(identity: Identity, signal: NodeJS.Signals): Promise<void> {
  const gone = (): boolean => !lives(identity)
  send(identity, signal)
  await eventually(`${identity.pid} ends`, gone, { withinMs: GRACE_MS, everyMs: 20 }).catch(async () => {
    send(identity, 'SIGKILL')
    await eventually(`${identity.pid} is killed`, gone)
  })
}

function send(identity: Identity, signal: NodeJS.Signals): void {
  if (!lives(identity)) return
  try {
    process.kill(identity.pid, signal)
  } catch {
    // It ended between the look and the signal.
  }
}

export function lives({ pid, started }: Identity): boolean {
  return identityOf(pid)?.started === started
}

/** None for a process that is not there, or that is dead and waits for its parent to notice. */
function identityOf(pid: number): Identity | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // The second field is a name in parentheses that may contain anything; state is the first after it, start time the 20th.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const [state = '', started = ''] = [fields[0], fields[19]]
    return state === 'Z' || state === 'X' ? undefined : { pid, started }
  } catch {
    return undefined
  }
}

async function readIdentity(place: Place, name: string): Promise<Identity | undefined> {
  const text = await readFile(pidFile(place, name), 'utf8').catch(() => undefined)
  return text === undefined ? undefined : (JSON.parse(text) as Identity)
}

function pidFile({ pids }: Place, name: string): string {
  return path.join(pids, `${name}.json`)
}
