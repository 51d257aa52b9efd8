// The store's address in a file, as a mounted Secret is one: in a pod's spec or a process list a password could be read by many.
//
// In: the file's name, read now and again. Out: every address that it holds, once, and what is wrong with it, once. A file that is not
// there yet is waited for, and one that is gone or does not parse takes nothing back: who follows it keeps the last address. Reading is
// all that it takes to follow: a watch would have to know the symlinks that the kubelet swaps, and a few small files a second cost little.
// PEM files are part of an address over TLS: those that it names, else those beside it (tls-files.ts), and other contents are another one.
import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { SecretValue } from '../../contract/secret.ts'
import { parseStoreAddress, type StoreAddress } from './store-address.ts'
import { readTlsFiles, withFilesBeside } from './tls-files.ts'

export interface AddressFileOptions {
  file: string
  pollMs: number
  /** A new one. Rejects with why it cannot be used; it is offered again with the next look. */
  onAddress(address: StoreAddress): Promise<void>
  /** What the setting says, the file and what is wrong with it; undefined: nothing any more. Free of credentials. */
  onProblem(problem: string | undefined): void
}

export interface AddressFile {
  /** Looks now; resolves when what it found was handed on. */
  check(): Promise<void>
  close(): void
}

/** The first look is the first `check`, or comes after `pollMs`. */
export function followAddressFile(options: AddressFileOptions): AddressFile {
  const { file, pollMs, onAddress, onProblem } = options
  /** All the text that was taken. */
  let taken: SecretValue | undefined
  let problem: string | undefined
  let running = Promise.resolve()
  let closed = false

  const read = async (): Promise<void> => {
    const url = (await readFile(file, 'utf8').catch(explain)).trim()
    const address = await withFilesBeside(parseStoreAddress(url), path.dirname(file))
    // Files that are swapped while they are read here, or behind this, differ with the next look.
    const text = JSON.stringify([url, address.tls && (await readTlsFiles(address))])
    if (closed || text === taken?.reveal()) return
    await onAddress(address)
    taken = new SecretValue(text)
  }
  const look = async (): Promise<void> => {
    if (closed) return
    const before = problem
    problem = await read().then(
      () => undefined,
      (error: Error) => error.message,
    )
    if (problem !== before && !closed) onProblem(problem && `--store file:${file}: ${problem}`)
  }
  const check = (): Promise<void> => {
    running = running.then(look)
    return running
  }
  const poll = setInterval(() => void check(), pollMs).unref()
  return {
    check,
    close() {
      closed = true
      clearInterval(poll)
    },
  }
}

function explain(error: NodeJS.ErrnoException): never {
  throw error.code === 'ENOENT' ? new Error('there is no such file yet') : error
}
