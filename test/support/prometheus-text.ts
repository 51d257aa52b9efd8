// A strict reader of the Prometheus text format 0.0.4, stricter than Prometheus: HELP before TYPE before samples, each
// family in one piece, no series twice, histograms whole. Throws with the line that offends.

export interface Family {
  name: string
  help: string
  type: string
  samples: SampleLine[]
}

export interface SampleLine {
  name: string
  labels: Record<string, string>
  value: number
}

const NAME = '[a-zA-Z_:][a-zA-Z0-9_:]*'
const HELP = new RegExp(`^# HELP (${NAME}) (.*)$`)
const TYPE = new RegExp(`^# TYPE (${NAME}) (counter|gauge|histogram)$`)
const SAMPLE = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`)
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)/y

export function parsePrometheusText(text: string): Map<string, Family> {
  if (!text.endsWith('\n')) throw new Error('the last line has no line feed')
  const families = new Map<string, Family>()
  const seen = new Set<string>()
  let family: Family | undefined
  for (const line of text.slice(0, -1).split('\n')) {
    if (line === '') continue
    if (line.startsWith('#')) {
      family = readComment(line, family)
      if (family.type !== '' && families.has(family.name)) throw new Error(`family twice: ${line}`)
      if (family.type !== '') families.set(family.name, family)
      continue
    }
    const sample = parseSample(line)
    if (family === undefined || !belongs(sample.name, family)) throw new Error(`sample outside its family: ${line}`)
    const key = `${sample.name}${JSON.stringify(Object.entries(sample.labels).sort())}`
    if (seen.has(key)) throw new Error(`series twice: ${line}`)
    seen.add(key)
    family.samples.push(sample)
  }
  for (const one of families.values()) if (one.type === 'histogram') checkHistogram(one)
  return families
}

/** A HELP begins a family, its type still ''; the TYPE right behind it completes it. */
function readComment(line: string, current: Family | undefined): Family {
  const help = HELP.exec(line)
  if (help !== null) return { name: help[1] ?? '', help: help[2] ?? '', type: '', samples: [] }
  const type = TYPE.exec(line)
  if (type === null || current?.name !== type[1] || current?.type !== '') throw new Error(`no TYPE after HELP: ${line}`)
  return { ...current, type: type[2] ?? '' }
}

function parseSample(line: string): SampleLine {
  const match = SAMPLE.exec(line)
  if (match === null) throw new Error(`not a sample: ${line}`)
  const value = match[3] === '+Inf' ? Number.POSITIVE_INFINITY : Number(match[3])
  if (Number.isNaN(value)) throw new Error(`not a number: ${line}`)
  return { name: match[1] ?? '', labels: parseLabels(match[2] ?? '', line), value }
}

function parseLabels(text: string, line: string): Record<string, string> {
  const labels: Record<string, string> = {}
  LABEL.lastIndex = 0
  while (LABEL.lastIndex < text.length) {
    const match = LABEL.exec(text)
    if (match === null) throw new Error(`labels do not parse: ${line}`)
    const name = match[1] ?? ''
    if (name in labels) throw new Error(`label twice: ${line}`)
    labels[name] = (match[2] ?? '').replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c))
  }
  return labels
}

function belongs(sample: string, family: Family): boolean {
  if (family.type === '') return false
  if (family.type !== 'histogram') return sample === family.name
  return ['_bucket', '_sum', '_count'].some((suffix) => sample === family.name + suffix)
}

function checkHistogram(family: Family): void {
  const groups = Map.groupBy(family.samples, ({ labels: { le: _, ...rest } }) => JSON.stringify(rest))
  for (const [labels, samples] of groups) {
    const buckets = samples.filter((sample) => sample.name.endsWith('_bucket'))
    const bounds = buckets.map(({ labels: { le } }) => (le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le)))
    const count = samples.filter((sample) => sample.name.endsWith('_count'))
    const sum = samples.filter((sample) => sample.name.endsWith('_sum'))
    const rising = (values: number[]) => values.every((value, i) => i === 0 || value >= (values[i - 1] as number))
    if (!rising(bounds) || new Set(bounds).size !== bounds.length) throw new Error(`bounds: ${family.name}${labels}`)
    if (!rising(buckets.map(({ value }) => value))) throw new Error(`buckets fall: ${family.name}${labels}`)
    if (bounds.at(-1) !== Number.POSITIVE_INFINITY) throw new Error(`no +Inf: ${family.name}${labels}`)
    if (sum.length !== 1 || count.length !== 1 || count[0]?.value !== buckets.at(-1)?.value) {
      throw new Error(`+Inf is not the count: ${family.name}${labels}`)
    }
  }
}
