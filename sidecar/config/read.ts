// Reads all of one publication: files of a folder → document, labels and credentials. Which folder, and whether it was swapped
// meanwhile, is the watch's to know.
import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { type LimitShares, parseLimitShares, SHARES_FILE } from '../../contract/limit-shares.ts'
import {
  LABELS_FILE,
  STORE_CA_FILE,
  STORE_CERTIFICATE_FILE,
  STORE_KEY_FILE,
  STORE_URL_FILE,
} from '../../contract/names.ts'
import { SecretValue } from '../../contract/secret.ts'
import { DOCUMENT_FILES, unpackDocument } from './document.ts'
import { parsePodLabels } from './pod-labels.ts'

export interface Published {
  /** The document's text; undefined while there is none, or it cannot be read. */
  document: string | undefined
  /** Of the pod; undefined where they were not published, or cannot be read. */
  labels: Readonly<Record<string, string>> | undefined
  /** Credentials by file name, e.g. `ai.openai.primary`. */
  files: ReadonlyMap<string, SecretValue>
  /** What is there and cannot be read, by file: with any of these, nothing of the rest is to be adopted. */
  problems: readonly string[]
  /** What this pod may count of limits that several share; apart from the rest, which may be adopted without it. */
  shares: PublishedShares
}

export type PublishedShares =
  /** Undefined: nothing is granted, or nothing was published. */
  | { readonly shares: LimitShares | undefined }
  /** `limit-shares: version: missing`, all of them in one sentence. */
  | { readonly problem: string }

const OWN_FILES: ReadonlySet<string> = new Set([...DOCUMENT_FILES, LABELS_FILE, SHARES_FILE])
const STORE_FILES: readonly string[] = [STORE_URL_FILE, STORE_CA_FILE, STORE_CERTIFICATE_FILE, STORE_KEY_FILE]

/** Names of the files of a publication, sorted; none when there is no folder. */
export async function publishedFiles(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true })
    return entries
      .filter((entry) => OWN_FILES.has(entry.name) || (isCredentialFile(entry.name) && !entry.isDirectory()))
      .map(({ name }) => name)
      .sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

/** Leaves out what belongs to the kubelet's own bookkeeping, what editors leave beside a file, and what the store's part follows. */
function isCredentialFile(name: string): boolean {
  return /^(?!\.)[-._a-zA-Z0-9]+$/.test(name) && !STORE_FILES.includes(name)
}

/** Throws when a file cannot be read; what is in them is told by `problems`. */
export async function readPublished(folder: string): Promise<Published> {
  const names = await publishedFiles(folder)
  const read = await Promise.all(names.map((name) => readFile(path.join(folder, name))))
  const contents = names.map((name, i): [string, Buffer] => [name, read[i] as Buffer])
  const own = new Map(contents.filter(([name]) => OWN_FILES.has(name)))
  const document = await unpackDocument(own)
  const labels = own.has(LABELS_FILE) ? parsePodLabels(String(own.get(LABELS_FILE))) : undefined
  return {
    document: document !== undefined && 'text' in document ? document.text : undefined,
    labels: labels !== undefined && 'labels' in labels ? labels.labels : undefined,
    files: new Map(
      contents.filter(([name]) => !OWN_FILES.has(name)).map(([name, bytes]) => [name, new SecretValue(String(bytes))]),
    ),
    problems: [
      ...(document !== undefined && 'problem' in document ? [document.problem] : []),
      ...(labels !== undefined && 'problem' in labels ? [`${LABELS_FILE}: ${labels.problem}`] : []),
    ],
    shares: publishedShares(String(own.get(SHARES_FILE) ?? '')),
  }
}

function publishedShares(text: string): PublishedShares {
  const parsed = parseLimitShares(text)
  return 'shares' in parsed ? parsed : { problem: parsed.problems.map((each) => `${SHARES_FILE}: ${each}`).join('; ') }
}
