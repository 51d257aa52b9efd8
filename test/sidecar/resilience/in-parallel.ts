/** Does `work` for each, so many at a time; results in their order. */
export async function inParallel<In, Out>(
  items: readonly In[],
  width: number,
  work: (item: In) => Promise<Out>,
): Promise<Out[]> {
  const results: Out[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const at = next++
      results[at] = await work(items[at] as In)
    }
  }
  await Promise.all(Array.from({ length: width }, worker))
  return results
}
