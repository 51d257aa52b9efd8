// Which of two versions of a resource is the newer one.
//
// Kubernetes called resourceVersions opaque until 1.35. Since then they may be compared within one resource: those of the
// built-in kinds and of custom resources are decimal integers without leading zeros, in the order of the changes. API
// servers of others (aggregated ones) may use anything else, so what does not look like that is not compared, and their
// events are taken in the order in which they come. Older API servers have always used such integers: etcd's revisions.

const DECIMAL = /^[1-9][0-9]*$/

/** True only when both can be compared and the first is the older one. */
export function isOlder(version: string, than: string): boolean {
  if (!DECIMAL.test(version) || !DECIMAL.test(than)) return false
  // As text: they may be larger than a number can hold.
  return version.length === than.length ? version < than : version.length < than.length
}

/** True only when the second is known to hold all that the first one does. */
export function isCovered(version: string, by: string): boolean {
  return version === by || isOlder(version, by)
}
