// Writes entries to disk: as an archive, or as a folder.
import { chmodSync, closeSync, mkdirSync, openSync, renameSync, writeFileSync, writeSync } from 'node:fs'
import path from 'node:path'
import { type Entry, renderTar, sizeOf } from './tar.ts'

/** Returns its bytes. The file appears whole or not at all, so that nobody loads half an image. */
export function writeArchive(file: string, entries: readonly Entry[]): number {
  const chunks = renderTar(entries)
  mkdirSync(path.dirname(file), { recursive: true })
  const unfinished = `${file}.${process.pid}`
  const descriptor = openSync(unfinished, 'w')
  for (const chunk of chunks) writeChunk(descriptor, chunk)
  closeSync(descriptor)
  renameSync(unfinished, file)
  return sizeOf(chunks)
}

/** Into a folder that may be there already. */
export function writeFolder(folder: string, entries: readonly Entry[]): void {
  for (const entry of entries) {
    const target = path.join(folder, entry.path)
    if (entry.kind === 'Folder') mkdirSync(target, { recursive: true })
    else writeFileSync(target, Buffer.concat(entry.chunks))
    // Not left to mkdir and writeFile: these subtract the umask.
    chmodSync(target, entry.mode)
  }
}

function writeChunk(descriptor: number, chunk: Uint8Array): void {
  for (let written = 0; written < chunk.length; ) written += writeSync(descriptor, chunk, written)
}
