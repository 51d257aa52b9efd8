// Processes of pods, reached from outside as a failing machine would: nobody in the cluster is told. In: names of pods. Out: signals.
import { readdirSync, readFileSync } from 'node:fs'

/** To every process of the containers of these pods; throws when a pod has none. Containers are found by the HOSTNAME that the kubelet gives them. */
export function signalPods(signal: NodeJS.Signals, ...podNames: readonly string[]): void {
  for (const podName of podNames) signalWhere(signal, `HOSTNAME=${podName}`)
}

/** To the pod's sidecar alone; throws when there is none. It is found by what the webhook gives it. */
export function signalSidecar(signal: NodeJS.Signals, podName: string): void {
  signalWhere(signal, `OUTRIGGER_POD=${podName}`)
}

function signalWhere(signal: NodeJS.Signals, variable: string): void {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  const found = all.filter((pid) => environment(pid).includes(variable))
  if (found.length === 0) throw new Error(`no process has ${variable}`)
  for (const pid of found) process.kill(Number(pid), signal)
}

/** Empty for one that has ended meanwhile. */
function environment(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
  } catch {
    return []
  }
}
