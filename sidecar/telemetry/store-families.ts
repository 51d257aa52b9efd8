// The metrics of the store of limits. Without a store there are none of them.
import type { Registry } from 'prom-client'
import type { StoreReport } from '../store/store-source.ts'
import { registerSampled, type Sample } from './exposition.ts'

export function registerStore(registry: Registry, store: () => StoreReport | undefined): void {
  const sampled = (samples: (report: StoreReport) => Sample[]) => (): Sample[] => {
    const report = store()
    return report === undefined ? [] : samples(report)
  }
  registerSampled(registry, {
    name: 'outrigger_store_up',
    help: '1 while the store of limits is asked, 0 while the declared policy decides without it.',
    type: 'gauge',
    collect: sampled(({ state }) => [{ labels: {}, value: state === 'Up' ? 1 : 0 }]),
  })
  registerSampled(registry, {
    name: 'outrigger_store_calls_total',
    help: 'Round trips to the store of limits by result: ok, late (after --store-timeout, or never answered), failed otherwise.',
    type: 'counter',
    collect: sampled(({ calls, failedCalls, lateCalls }) => [
      { labels: { result: 'ok' }, value: calls - failedCalls },
      { labels: { result: 'late' }, value: lateCalls },
      { labels: { result: 'failed' }, value: failedCalls - lateCalls },
    ]),
  })
  registerSampled(registry, {
    name: 'outrigger_store_failures_total',
    help: 'How often the store of limits was given up for a while.',
    type: 'counter',
    collect: sampled(({ failures }) => [{ labels: {}, value: failures }]),
  })
}
