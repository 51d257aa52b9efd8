import { randomUUID } from 'node:crypto'

/**
 * Ids that are unique across pods and restarts, and cheap: half a random UUID for the process, then a count. They are names
 * for finding a request again, not secrets; a UUID of its own for each cost seven times as much.
 */
export function createRequestIds(): () => string {
  const prefix = randomUUID().slice(0, 18)
  let count = 0
  return () => {
    count++
    return `${prefix}-${count.toString(36).padStart(6, '0')}`
  }
}
