// Figures of a run: by name, as often as they were taken. In: numbers. Out: a table for people.
export interface Figures {
  note(name: string, value: number, unit: string): void
  entries(): readonly Figure[]
}

export interface Figure {
  name: string
  unit: string
  values: readonly number[]
}

export function createFigures(): Figures {
  const figures = new Map<string, { name: string; unit: string; values: number[] }>()
  return {
    note(name, value, unit) {
      const figure = figures.get(name) ?? { name, unit, values: [] }
      figure.values.push(value)
      figures.set(name, figure)
    },
    entries: () => [...figures.values()],
  }
}

export function printFigures(figures: Figures): void {
  console.log('\n| what | each time | unit |\n| --- | --- | --- |')
  for (const { name, unit, values } of figures.entries()) {
    console.log(`| ${name} | ${values.map(shown).join(', ')} | ${unit} |`)
  }
}

function shown(value: number): string {
  if (Number.isInteger(value)) return String(value)
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)
}
