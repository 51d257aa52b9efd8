// Notices that any of the given files may have changed: edited, replaced by a rename, or swapped as the kubelet does. A
// watch on the folders makes it quick, a poll over names, times and inodes makes it certain.
import { type FSWatcher, watch } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'

const POLL_MS = 1000
/** Editors write in several steps. */
const SETTLE_MS = 50

/**
 * `seen` is what `signatureOf` gave before the files were read the last time, so that no change falls in between.
 * `onChange` must not reject and is never called twice at once. Returns what ends it, with what is running.
 */
export function watchFiles(paths: readonly string[], seen: string, onChange: () => Promise<void>): () => Promise<void> {
  let before = seen
  let running = Promise.resolve()
  let settle: NodeJS.Timeout | undefined
  const look = async (): Promise<void> => {
    const signature = await signatureOf(paths)
    if (signature === before) return
    before = signature
    await onChange()
  }
  const check = (): void => {
    settle = undefined
    running = running.then(look)
  }
  const folders = new Set(paths.flatMap((name) => [name, path.dirname(name)]))
  const watchers = [...folders].flatMap((folder) =>
    watchQuietly(folder, () => (settle ??= setTimeout(check, SETTLE_MS))),
  )
  const poll = setInterval(check, POLL_MS).unref()
  check()
  return async () => {
    for (const watcher of watchers) watcher.close()
    clearInterval(poll)
    clearTimeout(settle)
    await running
  }
}

function watchQuietly(folder: string, onEvent: () => void): FSWatcher[] {
  try {
    const watcher = watch(folder, { persistent: false }, onEvent)
    watcher.on('error', () => watcher.close())
    return [watcher]
  } catch {
    return []
  }
}

/** Equal as long as none of them changed. */
export async function signatureOf(paths: readonly string[]): Promise<string> {
  const parts = await Promise.all(paths.map(signatureOfPath))
  return parts.join('\n')
}

/** Of a folder: of everything directly inside. */
async function signatureOfPath(name: string): Promise<string> {
  try {
    const found = await stat(name)
    if (!found.isDirectory()) return `${name} ${found.ino} ${found.mtimeMs} ${found.size}`
    const inside = await readdir(name)
    const files = inside.filter((file) => !file.startsWith('.')).sort()
    return (await Promise.all(files.map((file) => signatureOfFile(path.join(name, file))))).join('\n')
  } catch {
    return `${name} absent`
  }
}

async function signatureOfFile(name: string): Promise<string> {
  try {
    const { ino, mtimeMs, size } = await stat(name)
    return `${name} ${ino} ${mtimeMs} ${size}`
  } catch {
    return `${name} absent`
  }
}
