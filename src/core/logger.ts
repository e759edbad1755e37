import { type Logger as PinoLogger, pino } from "pino";

export type Logger = Pick<PinoLogger, "debug" | "info" | "warn" | "error" | "fatal"> & {
  child(fields: Record<string, unknown>): Logger;
};

/** One JSON line an event on stderr. Amounts are strings; keys, prompts and vouchers never are fields. */
export function createLogger(level: string = process.env.LOG_LEVEL ?? "info"): Logger {
  return pino(
    {
      level,
      base: null,
      formatters: { level: (label) => ({ level: label }) },
      redact: ["*.privateKey", "*.prompt", "*.voucher", "*.signature"],
      serializers: { bigint: String },
    },
    pino.destination({ fd: 2, sync: true }),
  ) as unknown as Logger;
}

/** For tests and `--json` commands that say everything in their result. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  fatal() {},
  child: () => silentLogger,
};
