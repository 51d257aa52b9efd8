// What somebody on call wants to know at once of providers and keys, as lines of the application log: one per change, so their
// number does not grow with the traffic. Names only, never a key.
import type { Log } from '../../process/log.ts'
import type { StandingEvents } from '../standing/standings.ts'

export function logStandings(log: Log): StandingEvents {
  /** Of a credential and a model; bounded, since standings are. */
  const setAside = new Set<string>()
  return {
    onCircuit({ to, ...change }) {
      if (to === 'Open') log.warn('circuit opened', change)
      else log.info(to === 'Closed' ? 'circuit closed' : 'circuit half-open', change)
    },
    onHealth({ healthy, ...change }) {
      if (healthy === 'Unhealthy') log.warn('health check fails', change)
      else log.info('health check passes again', change)
    },
    onCredential({ state, ...change }) {
      const key = `${change.provider} ${change.credential} ${change.model}`
      if (state === 'SetAside') {
        setAside.add(key)
        log.error('credential set aside', change)
        // Under a rate limit the two others come several times a second.
      } else if (state === 'InUse' && setAside.delete(key)) log.info('credential in use again', change)
      else log.debug(state === 'InUse' ? 'credential in use again' : 'credential cools down', change)
    },
  }
}
