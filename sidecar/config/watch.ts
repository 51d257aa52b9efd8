// Follows a mounted directory: reads all of it whenever it may have changed, and hands on what differs.
//
// The kubelet publishes a ConfigMap by swapping the symlink `..data` to a new folder; file mode and the tests publish in
// the same way. A watch on a file dies with the first swap, so the directory is watched; and since watches get lost, a
// slow poll compares what the link points to (for a plain directory: the files' times). Everything is read through the
// resolved folder, so a document is never paired with the credentials of another swap.
import { type FSWatcher, watch } from 'node:fs'
import { realpath, stat } from 'node:fs/promises'
import path from 'node:path'
import { DATA_LINK } from '../../contract/names.ts'
import { type Published, publishedFiles, readPublished } from './read.ts'

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
  const { directory, onPublished, onError } = options
  /** What was handed on last; undefined while nothing was, or reading has failed since. */
  let seen: string | undefined
  let failure: string | undefined
  let running = Promise.resolve()
  let settle: NodeJS.Timeout | undefined
  let closed = false

  const look = async (): Promise<void> => {
    if (closed) return
    await watcher.follow()
    try {
      const signature = await signatureOf(directory)
      if (signature === seen) return
      const published = await readWhole(directory, signature)
      if (published === undefined) return schedule()
      if (closed) return
      seen = signature
      onPublished(published)
      failure = undefined
    } catch (error) {
      // What can be read again counts as new, so that it takes the error back.
      seen = undefined
      const { message } = error as Error
      if (message !== failure) onError(error as Error)
      failure = message
    }
  }
  const check = (): Promise<void> => {
    running = running.then(look)
    return running
  }
  const schedule = (): void => {
    if (closed) return
    settle ??= setTimeout(() => {
      settle = undefined
      void check()
    }, SETTLE_MS)
  }
  const watcher = createWatcher(directory, schedule)
  const poll = setInterval(() => void check(), options.pollMs).unref()
  return {
    check,
    close() {
      closed = true
      watcher.close()
      clearInterval(poll)
      clearTimeout(settle)
    },
  }
}

interface Watcher {
  /** Sees to it that the directory that is there now is watched: it may appear late, or be made anew. */
  follow(): Promise<void>
  close(): void
}

/** The poll does the work where watching fails (no inotify instances left, unusual file systems). */
function createWatcher(directory: string, onEvent: () => void): Watcher {
  let watcher: FSWatcher | undefined
  /** Of the directory that is watched; a number alone may be given to the next one too. */
  let inode: string | undefined
  let closed = false
  const stop = (): void => {
    watcher?.close()
    inode = undefined
  }
  return {
    close() {
      closed = true
      stop()
    },
    async follow() {
      try {
        const { ino, birthtimeMs } = await stat(directory)
        const found = `${ino}.${birthtimeMs}`
        if (closed || found === inode) return
        stop()
        watcher = watch(directory, { persistent: false }, onEvent).on('error', stop)
        inode = found
      } catch {
        stop()
      }
    },
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
  const names = await publishedFiles(folder)
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

/** Undefined when it was swapped meanwhile: the next look sees the newer one whole. */
async function readWhole(directory: string, signature: string): Promise<Published | undefined> {
  try {
    const published = await readPublished((await folderOf(directory)).folder)
    return (await signatureOf(directory)) === signature ? published : undefined
  } catch (error) {
    // A swap removes the old folder under its reader, which is no failure.
    if ((await signatureOf(directory)) !== signature) return undefined
    throw error
  }
}
