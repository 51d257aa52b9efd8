import { fullDocument } from './full-document.ts'

export const remove = Symbol('remove')

/** The full document with one place changed; `remove` takes the place out. `path` is as problems write it. */
export function documentWith(path: string, value: unknown): unknown {
  const root: unknown = fullDocument()
  const keys = path.split(/[.[\]]+/).filter((key) => key !== '')
  const last = keys.pop() ?? ''
  let at = root as Record<string, unknown>
  for (const key of keys) at = at[key] as Record<string, unknown>
  if (value === remove) delete at[last]
  else Object.defineProperty(at, last, { value, enumerable: true, configurable: true, writable: true })
  return root
}
