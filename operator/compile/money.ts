// Texts in USD → integers in pico-USD (1e-12 USD), digit by digit: no float takes part. Undefined for what is no such text.

/** An amount to spend, above 0: `"500"` is 5e14. Above 9007 USD a double may hold it to a pico-USD or so, and no better. */
export function picoUsd(usd: string): number | undefined {
  const amount = scaled(/^(0|[1-9][0-9]{0,8})(?:\.([0-9]{1,6}))?$/.exec(usd), 12)
  return amount === 0 ? undefined : amount
}

/** Pico-USD per token of a price per million tokens: `"0.25"` is 250000, since a millionth of a millionth is what is counted in. */
export function picoUsdPerToken(perMillion: string): number | undefined {
  return scaled(/^(0|[1-9][0-9]{0,5})(?:\.([0-9]{1,6}))?$/.exec(perMillion), 6)
}

/** The price of one image or one second: `"0.04"` is 4e10. */
export function picoUsdEach(usd: string): number | undefined {
  return scaled(/^(0|[1-9][0-9]{0,2})(?:\.([0-9]{1,12}))?$/.exec(usd), 12)
}

function scaled(match: RegExpExecArray | null, digits: number): number | undefined {
  const [, whole, decimals = ''] = match ?? []
  return whole === undefined ? undefined : Number(whole + decimals.padEnd(digits, '0'))
}
