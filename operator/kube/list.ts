// One complete list of a kind, page by page, reduced to what is kept as each page comes.
import { type KubeClient, KubeError, type KubeRequest } from './client.ts'
import { type KubeObject, keyOf, type ListedObject, parseObject } from './object-store.ts'

export interface ListOptions<Stored> {
  client: KubeClient
  /** Path, selector and form of the objects. */
  request: KubeRequest
  /** Objects per answer. */
  pageSize: number
  signal: AbortSignal
  /** Undefined leaves the object out. */
  keep(object: KubeObject): Stored | undefined
  onPage(): void
}

export interface Listed<Stored> {
  listed: ReadonlyMap<string, ListedObject<Stored>>
  /** Of the whole list: where a watch begins. */
  version: string
}

interface Page {
  metadata?: { resourceVersion?: string; continue?: string }
  items?: unknown[]
}

/** Throws KubeError. */
export async function readList<Stored>(options: ListOptions<Stored>): Promise<Listed<Stored>> {
  try {
    return await readPages(options, { limit: String(options.pageSize) })
  } catch (error) {
    if (!isExpired(error)) throw error
    // Pages are of one moment, and the server forgot it before the last page: what comes in one piece cannot expire.
    return await readPages(options, {})
  }
}

/** The server no longer has the moment in its history that was asked for. */
export function isExpired(error: unknown): boolean {
  return error instanceof KubeError && (error.status === 410 || error.reason === 'Expired' || error.reason === 'Gone')
}

export function invalidAnswer(what: string): KubeError {
  return new KubeError(`the API server sent ${what}`, { status: 0, reason: 'InvalidAnswer' })
}

async function readPages<Stored>(
  options: ListOptions<Stored>,
  query: Readonly<Record<string, string>>,
): Promise<Listed<Stored>> {
  const listed = new Map<string, ListedObject<Stored>>()
  let version: string | undefined
  let next = ''
  do {
    const page = await readPage(options, next === '' ? query : { ...query, continue: next })
    for (const item of page.items ?? []) keepItem(options, listed, item)
    // The first page's, should they differ: what is newer than that comes once more with the watch.
    version ??= page.metadata?.resourceVersion
    next = page.metadata?.continue ?? ''
  } while (next !== '')
  if (!version) throw invalidAnswer('a list without a resourceVersion')
  return { listed, version }
}

async function readPage<Stored>(
  { client, request, signal, onPage }: ListOptions<Stored>,
  query: Readonly<Record<string, string>>,
): Promise<Page> {
  const page = await client.request<Page | undefined>({ ...request, query: { ...request.query, ...query } }, signal)
  onPage()
  if (!page) throw invalidAnswer('an empty answer for a list')
  return page
}

function keepItem<Stored>(
  { keep }: ListOptions<Stored>,
  listed: Map<string, ListedObject<Stored>>,
  item: unknown,
): void {
  const object = parseObject(item)
  if (object === undefined) throw invalidAnswer('an object without name or resourceVersion')
  const stored = keep(object)
  const { uid, resourceVersion: version } = object.metadata
  if (stored !== undefined) listed.set(keyOf(object), { uid, version, stored })
}
