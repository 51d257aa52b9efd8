// Renders a registry without standing in the way of requests: between two metrics the event loop has its turn, and those
// who ask at the same time share one rendering.
import { setImmediate as turn } from 'node:timers/promises'
import type { Registry } from 'prom-client'

export function createScrape(registry: Registry): () => Promise<string> {
  let running: Promise<string> | undefined
  return () => {
    running ??= render(registry).finally(() => {
      running = undefined
    })
    return running
  }
}

async function render(registry: Registry): Promise<string> {
  const parts: string[] = []
  for (const { name } of registry.getMetricsAsArray()) {
    parts.push(await registry.getSingleMetricAsString(name))
    await turn()
  }
  return `${parts.join('\n')}\n`
}
