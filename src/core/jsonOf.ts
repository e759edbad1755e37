/** The value of a JSON text, or `malformed()` as the error. */
export function jsonOf(text: string, malformed: (cause: unknown) => Error): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw malformed(cause);
  }
}
