import type { SecretValue } from '../../contract/secret.ts'
import type { Metadata } from './metadata.ts'

/**
 * The Secret with its values wrapped: printed or serialised it says `[redacted]`, which no API server takes for base64, so
 * that it cannot be sent by mistake either.
 */
export interface SecretObject {
  apiVersion: 'v1'
  kind: 'Secret'
  metadata: Metadata
  type: 'Opaque'
  /** By file name. */
  data: Readonly<Record<string, SecretValue>>
}

/** As the API takes it. */
export interface SecretBody extends Omit<SecretObject, 'data'> {
  /** Base64. */
  data: Readonly<Record<string, string>>
}

/** Call it where the request is made, and keep the result nowhere: the keys are in it. */
export function secretBody(secret: SecretObject): SecretBody {
  const data = Object.entries(secret.data).map(([file, value]) => [
    file,
    Buffer.from(value.reveal()).toString('base64'),
  ])
  return { ...secret, data: Object.fromEntries(data) }
}

/** What it takes in the API: each name lies there twice, as a key and in managedFields, with a few signs around it. */
export function secretBytes(values: ReadonlyMap<string, SecretValue>): number {
  let bytes = 0
  for (const [file, value] of values) bytes += Buffer.byteLength(value.reveal()) + 2 * (file.length + SIGNS_BYTES)
  return bytes
}

const SIGNS_BYTES = 8
