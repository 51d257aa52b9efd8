// Pages that a make target writes figures into, between two comments.

const END = '<!-- to here -->'

/** The page with these tables in place of the target's last ones. Throws where the page has no place for them. */
export function withTables(page: string, target: string, tables: string): string {
  const begin = `<!-- \`make ${target}\` writes from here -->`
  const [before, rest] = page.split(begin)
  const end = rest?.indexOf(END) ?? -1
  if (before === undefined || rest === undefined || end < 0) throw new Error(`no lines "${begin}" and "${END}"`)
  return `${before}${begin}\n\n${tables}\n\n${rest.slice(end)}`
}
