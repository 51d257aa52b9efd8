// `Reflect.getMetadata` and its kin for `@peculiar/x509`, which is wired by decorators and refuses to be imported without them. Kept
// by object and key, without inheritance and without properties: the only metadata there is are constructor parameters. Rejected:
// a polyfill package, which does far more and changes Reflect for everybody all the same.

type Registry = Pick<typeof Reflect, never> & {
  getMetadata?(key: unknown, target: object): unknown
  getOwnMetadata?(key: unknown, target: object): unknown
  defineMetadata?(key: unknown, value: unknown, target: object): void
}

/** Adds what is missing to this process's `Reflect`; one that is complete is left as it is. */
export function provideReflectMetadata(): void {
  const registry: Registry = Reflect
  if (registry.getMetadata !== undefined) return
  const known = new WeakMap<object, Map<unknown, unknown>>()
  const get = (key: unknown, target: object): unknown => known.get(target)?.get(key)
  registry.getMetadata = get
  registry.getOwnMetadata = get
  registry.defineMetadata = (key, value, target) => {
    known.set(target, (known.get(target) ?? new Map()).set(key, value))
  }
}
