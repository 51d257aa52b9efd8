/**
 * Whether this process knows a time zone by that name: `UTC`, `Europe/Berlin`, … of the IANA database. Asked on both sides of the
 * document, since operator and sidecar may come with different versions of the database.
 */
export function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    return true
  } catch {
    return false
  }
}
