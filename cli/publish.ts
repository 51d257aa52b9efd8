// Publishes a set of files the way the kubelet publishes a ConfigMap: a new folder, then one rename of the symlink `..data`,
// so that a reader sees the old set or the new one and never a mixture. File mode hands its documents to the sidecar
// through this, which is why a laptop exercises the same reload as a cluster.
import { mkdir, mkdtemp, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { DATA_LINK } from '../contract/names.ts'
import type { SecretValue } from '../contract/secret.ts'

/** Publishes `files` (by path relative to `directory`) in place of all that was published before. */
export async function publish(directory: string, files: ReadonlyMap<string, string | SecretValue>): Promise<void> {
  const before = await readdir(directory)
  const folder = path.basename(await mkdtemp(path.join(directory, '..set-')))
  for (const [name, content] of files) {
    const file = path.join(directory, folder, name)
    await mkdir(path.dirname(file), { recursive: true })
    await writeFile(file, typeof content === 'string' ? content : content.reveal(), { mode: 0o600 })
  }
  const temporary = path.join(directory, `${DATA_LINK}_tmp`)
  await rm(temporary, { force: true })
  await symlink(folder, temporary)
  await rename(temporary, path.join(directory, DATA_LINK))
  const visible = new Set([...files.keys()].map((name) => name.split('/')[0] as string))
  for (const name of visible) {
    if (!before.includes(name)) await symlink(path.join(DATA_LINK, name), path.join(directory, name))
  }
  const gone = before.filter((name) => (name.startsWith('..') ? name.startsWith('..set-') : !visible.has(name)))
  for (const name of gone) await rm(path.join(directory, name), { recursive: true, force: true })
}
