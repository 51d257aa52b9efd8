// Publishes a set of files the way the kubelet publishes a ConfigMap: a new folder, then one rename of the symlink `..data`,
// so that a reader sees the old set or the new one and never a mixture. File mode hands its documents to the sidecar
// through this, which is why a laptop exercises the same reload as a cluster.
import { mkdtemp, readdir, rename, rm, symlink, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { DATA_LINK } from '../contract/names.ts'
import type { SecretValue } from '../contract/secret.ts'

/** Publishes `files` (by name; no folders) in place of all that was published before. */
export async function publish(
  directory: string,
  files: ReadonlyMap<string, string | Uint8Array | SecretValue>,
): Promise<void> {
  const before = await readdir(directory)
  const folder = path.basename(await mkdtemp(path.join(directory, '..set-')))
  for (const [name, content] of files) {
    const bytes = typeof content === 'string' || content instanceof Uint8Array ? content : content.reveal()
    await writeFile(path.join(directory, folder, name), bytes, { mode: 0o600 })
  }
  const temporary = path.join(directory, `${DATA_LINK}_tmp`)
  await rm(temporary, { force: true })
  await symlink(folder, temporary)
  await rename(temporary, path.join(directory, DATA_LINK))
  for (const name of files.keys()) {
    if (!before.includes(name)) await symlink(path.join(DATA_LINK, name), path.join(directory, name))
  }
  const gone = before.filter((name) => (name.startsWith('..') ? name.startsWith('..set-') : !files.has(name)))
  for (const name of gone) await rm(path.join(directory, name), { recursive: true, force: true })
}
