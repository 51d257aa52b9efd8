// Reads the golden cases of injection; the tests on a cluster take the same ones.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parse, parseAllDocuments } from 'yaml'
import type { InjectionSettings } from '../../../operator/inject/settings.ts'

export interface Case {
  /** Beside this file. */
  file: string
  path: string
  text: string
  /** What of the text comes before the output. */
  input: string
  /** Its first line, which is a comment. */
  title: string
  pod: object
  settings: InjectionSettings
  /** The output as it stands in the file. */
  expected: Expected
}

export interface Expected {
  outcome: string
  message?: string
  warnings?: string[]
  pod?: object
}

export const OUTPUT = '---\n# Output\n'

export const USUAL_SETTINGS: InjectionSettings = {
  version: '0.1.0',
  image: 'registry.example/outrigger:0.1.0',
  imagePullPolicy: 'IfNotPresent',
  resources: { requests: { cpu: '10m', memory: '64Mi' }, limits: { memory: '512Mi' } },
  env: [{ name: 'OUTRIGGER_LOG_LEVEL', value: 'info' }],
}

export function readCases(): Case[] {
  return readdirSync(import.meta.dirname)
    .filter((file) => file.endsWith('.yaml'))
    .sort()
    .map(readCase)
}

function readCase(file: string): Case {
  const path = join(import.meta.dirname, file)
  const text = readFileSync(path, 'utf8')
  const [input = '', output = ''] = text.split(OUTPUT)
  const documents = parseAllDocuments(input).map((document) => document.toJS() as Record<string, unknown>)
  const pod = documents.find(({ kind }) => kind === 'Pod')
  if (pod === undefined) throw new Error(`${file} holds no Pod`)
  return {
    file,
    path,
    text,
    input,
    title: input.slice(2, input.indexOf('\n')),
    pod,
    settings: { ...USUAL_SETTINGS, ...documents.find(({ kind }) => kind === undefined) },
    expected: (parse(output) ?? {}) as Expected,
  }
}
