/** Where a value stands inside an object: field names, map keys and list indexes. */
export type FieldPath = readonly (string | number)[]

/** As Kubernetes writes paths: `spec.rules[0].backends[1].weight`; a key that holds a dot stands in brackets. */
export function renderFieldPath(path: FieldPath): string {
  return path
    .map((segment) => (typeof segment === 'string' && /^[^.[\]]+$/.test(segment) ? `.${segment}` : `[${segment}]`))
    .join('')
    .replace(/^\./, '')
}

/** Reads what renderFieldPath writes; indexes come back as strings. */
export function parseFieldPath(text: string): FieldPath {
  return Array.from(text.matchAll(/\[([^\]]*)\]|([^.[\]]+)/g), ([, bracketed, plain]) => bracketed ?? plain ?? '')
}
