// Processes of pods, reached from outside as a failing machine would: nobody in the cluster is told. In: names of pods. Out: signals.
import { readdirSync, readFileSync } from 'node:fs'

/** To every process of the containers of these pods; throws when a pod has none. Containers are found by the HOSTNAME that the kubelet gives them. */
export function signalPods(signal: NodeJS.Signals, ...podNames: readonly string[]): void {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name))
  for (const podName of podNames) {
    const found = all.filter((pid) => environment(pid).includes(`HOSTNAME=${podName}`))
    if (found.length === 0) throw new Error(`pod ${podName} has no process`)
    for (const pid of found) process.kill(Number(pid), signal)
  }
}

/** Empty for one that has ended meanwhile. */
function environment(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0')
  } catch {
    return []
  }
}
