import { closeSync, openSync, writeSync } from 'node:fs';

/** Where events go. */
export interface AuditLog {
  write(line: string): void;
  close(): void;
}

/**
 * Opens the file that events are appended to, `-` for standard output. What cannot be written is told to `onError` and
 * requests go on, as with upstream's default `--audit-log-mode=blocking`, which reports and does not refuse.
 *
 * @throws Error naming the file that cannot be opened
 */
export function openAuditLog(path: string, onError: (error: unknown) => void): AuditLog {
  let open = true;
  const file = path === '-' ? process.stdout.fd : openSync(path, 'a', 0o600);
  return {
    write(line) {
      // Connections that the end of the server cut off are told of after the file is closed.
      if (!open) return;
      try {
        writeSync(file, line);
      } catch (error) {
        onError(
          new Error(`audit log ${path}: ${error instanceof Error ? error.message : error}`, { cause: error }),
        );
      }
    },
    close() {
      open = false;
      if (path !== '-') closeSync(file);
    },
  };
}
