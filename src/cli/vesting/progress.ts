/** A line on a terminal's stderr that is written over; nothing where stderr is no terminal. */
export function progress(what: string) {
  const { stderr } = process;
  return {
    show(done: number, of: number): void {
      if (stderr.isTTY) stderr.write(`\r${what}: ${done} of ${of}`);
    },
    end(): void {
      if (stderr.isTTY) stderr.write("\r\u001b[K");
    },
  };
}
