// kubectl against the cluster, as cluster-admin: the same binary as the servers, so that versions never differ. In: arguments, and
// text for its stdin. Out: what it prints, or an error with what it complained about.
import { type CommandOptions, run } from './command.ts'
import type { Place } from './place.ts'
import { inNetwork } from './processes.ts'

/** stdout. Throws CommandError. */
export type Kubectl = (args: readonly string[], options?: CommandOptions) => Promise<string>

export function createKubectl(place: Place, kubernetes: string): Kubectl {
  return async (args, options) => {
    const line = inNetwork(place, kubernetes, ['kubectl', ...args])
    // HOME: kubectl caches what the server offers, and no cluster shall see another's.
    return await run(line.command, line.args, {
      ...options,
      env: { KUBECONFIG: place.kubeconfig, HOME: place.folder, ...options?.env },
    })
  }
}
