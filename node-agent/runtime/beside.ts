import type { Readable, Writable } from 'node:stream';

/** A program's streams, held by this process for somebody: a command beside a container's, or its own program. */
export interface HeldProgram {
  /** Its end is passed on. */
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Of its terminal, where it has one. */
  resize(size: { columns: number; rows: number }): void;
  /** Resolves to the exit code, 0 where none is known. Rejects when it could not be started, and why. */
  readonly ended: Promise<number>;
  /** Lets go of it: who wanted it is gone. */
  hangUp(): void;
}
