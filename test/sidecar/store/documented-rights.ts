// The line by which docs/store.md makes the store's user, as tests give it to a server.
import { readFile } from 'node:fs/promises'

const DOCS = new URL('../../../docs/store.md', import.meta.url)

export interface DocumentedRights {
  /** What stands after the password: keys, channels and commands. */
  readonly rules: readonly string[]
  /** Besides, in a cluster. */
  readonly clusterRules: readonly string[]
}

/** Throws when the page has not exactly one such line. */
export async function documentedRights(): Promise<DocumentedRights> {
  const page = await readFile(DOCS, 'utf8')
  const lines = [...page.matchAll(/^ACL SETUSER limits on >PASSWORD (.+)$/gm)].map(([, rules = '']) => rules)
  const besides = [...page.matchAll(/`(\+cluster\|slots [^`]+)`/g)].map(([, rules = '']) => rules)
  const [rules, clusterRules] = [lines, besides].map((found) => (found.length === 1 ? found[0]?.split(' ') : undefined))
  if (rules === undefined || clusterRules === undefined) throw new Error('docs/store.md has no such line, or several')
  return { rules, clusterRules }
}
