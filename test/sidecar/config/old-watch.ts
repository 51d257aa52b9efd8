// Follows a mounted directory: reads all of it whenever it may have changed, and hands on what differs.
//
// The kubelet publishes a ConfigMap by swapping the symlink `..data` to a new folder; file mode and the tests publish in
// the same way. A watch on a file dies with the first swap, so the directory is watched; and since watches get lost, a
// slow poll compares what the link points to (for a plain directory: the files' times). Everything is read through the
// resolved folder, so a document is never paired with the credentials of another swap.
import { type FSWatcher, watch } from 'node:fs'
import { readdir, readFile, realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import { CONFIG_FILE, CREDENTIALS_FOLDER, DATA_LINK } from '../../../contract/names.ts'
import { SecretValue } from '../../../contract/secret.ts'

export interface Published {
  /** The document's text; undefined while there is none. */
  document: string | undefined
  /** By path relative to the directory, e.g. `credentials/ai.openai.primary`. */
  files: ReadonlyMap<string, SecretValue>
}

export interface WatchOptions {
  directory: string
  pollMs: number
  onPublished(published: Published): void
  /** The directory could not be read; the watch goes on. */
  onError(error: Error): void
}

export interface Watch {
  /** Looks now; resolves when what it found has been handed on. */
  check(): Promise<void>
  close(): void
}

/** Swaps and edits come as several events: one read for all that arrive within this time. */
const SETTLE_MS = 10

export function watchDirectory(options: WatchOptions): Watch {
  let seen = ''
  let running = Promise.resolve()
  let settle: NodeJS.Timeout | undefined

  const look = async (): Promise<void> => {
    try {
      const signature = await signatureOf(options.directory)
      if (signature === seen) return
      const published = await readPublished(options.directory)
      // Swapped again while reading: the next look sees the newer one whole.
      if ((await signatureOf(options.directory)) !== signature) return void schedule()
      seen = signature
      options.onPublished(published)
    } catch (error) {
      options.onError(error as Error)
    }
  }
  const check = (): Promise<void> => {
    running = running.then(look)
    return running
  }
  const schedule = (): void => {
    settle ??= setTimeout(() => {
      settle = undefined
      void check()
    }, SETTLE_MS)
  }
  const watcher = watchQuietly(options.directory, schedule)
  const poll = setInterval(() => void check(), options.pollMs).unref()
  return {
    check,
    close() {
      watcher?.close()
      clearInterval(poll)
      clearTimeout(settle)
    },
  }
}

/** The poll does the work where watching fails (no inotify instances left, unusual file systems). */
function watchQuietly(directory: string, onEvent: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(directory, { persistent: false }, onEvent)
    watcher.on('error', () => watcher.close())
    return watcher
  } catch {
    return undefined
  }
}

async function folderOf(directory: string): Promise<{ folder: string; swapped: boolean }> {
  try {
    return { folder: await realpath(path.join(directory, DATA_LINK)), swapped: true }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    return { folder: directory, swapped: false }
  }
}

/** Equal as long as nothing was published. */
async function signatureOf(directory: string): Promise<string> {
  const { folder, swapped } = await folderOf(directory)
  if (swapped) return folder
  const names = [CONFIG_FILE, ...(await credentialFiles(folder))]
  const times = await Promise.all(names.map((name) => timeOf(path.join(folder, name))))
  return names.map((name, i) => `${name}@${times[i]}`).join('\n')
}

async function timeOf(file: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(file)
    return `${mtimeMs}.${size}.${ino}`
  } catch {
    return 'absent'
  }
}

async function readPublished(directory: string): Promise<Published> {
  const { folder } = await folderOf(directory)
  const names = await credentialFiles(folder)
  const texts = await Promise.all(names.map((name) => readFile(path.join(folder, name), 'utf8')))
  return {
    document: await readIfPresent(path.join(folder, CONFIG_FILE)),
    files: new Map(names.map((name, i) => [name, new SecretValue(texts[i] as string)])),
  }
}

async function credentialFiles(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(path.join(folder, CREDENTIALS_FOLDER))
    return entries.filter((name) => !name.startsWith('..')).map((name) => `${CREDENTIALS_FOLDER}/${name}`)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

async function readIfPresent(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
