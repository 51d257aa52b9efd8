// What is remembered of the one cluster with a node: who started it, what for, and whether it is complete. In: a place. Out: a
// value. Without it, two test runs at once would take each other's cluster down.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import type { Place } from './place.ts'
import { type Identity, lives, ownIdentity } from './processes.ts'

/** Kept: until somebody ends it, whoever started it is long gone. Own: of the process that started it, and ended by it. */
export type Purpose = 'Kept' | 'Own'

export interface State {
  purpose: Purpose
  startedBy: Identity
  /** Whether the start came to its end. */
  complete: boolean
  /** Path of the binary that holds all components. */
  kubernetes: string
}

export async function readState(place: Place): Promise<State | undefined> {
  const text = await readFile(stateFile(place), 'utf8').catch(() => undefined)
  return text === undefined ? undefined : (JSON.parse(text) as State)
}

export async function writeState(place: Place, state: Omit<State, 'startedBy'>): Promise<void> {
  await mkdir(place.folder, { recursive: true })
  await writeFile(stateFile(place), JSON.stringify({ ...state, startedBy: ownIdentity() } satisfies State))
}

/** Throws while another process that still lives is starting the cluster, or has it for itself. */
export async function refuseWhenTaken(place: Place): Promise<void> {
  const state = await readState(place)
  if (state === undefined || (state.complete && state.purpose === 'Kept')) return
  const { pid } = state.startedBy
  if (pid === process.pid || !lives(state.startedBy)) return
  throw new Error(`process ${pid} ${state.complete ? 'has' : 'is starting'} a cluster of this name: wait until it ends`)
}

function stateFile({ folder }: Place): string {
  return path.join(folder, 'cluster.json')
}
