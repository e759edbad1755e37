/** All orders of some values. */
export function* ordersOf<T>(values: readonly T[]): Generator<T[]> {
  if (values.length === 0) yield [];
  for (const [i, value] of values.entries()) {
    for (const rest of ordersOf(values.filter((_, j) => j !== i))) yield [value, ...rest];
  }
}
