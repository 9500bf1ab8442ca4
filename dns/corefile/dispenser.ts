import { CorefileError } from './errors.ts';
import type { Token } from './lexer.ts';

/**
 * Walks over the tokens of one directive, all of its occurrences in a server block one after the other, as
 * Caddy's dispenser does. The usual shape of a plugin's parser:
 *
 *     while (tokens.next()) {                       // each occurrence
 *       const zones = tokens.remainingArgs();       // the rest of its line
 *       while (tokens.nextBlock())                  // each property of its block
 *         switch (tokens.value) { … default: throw tokens.unknownProperty(); }
 *     }
 */
export interface Dispenser {
  readonly value: string;
  next(): boolean;
  /** The next token, if it is on the same line. */
  nextArg(): boolean;
  nextBlock(): boolean;
  remainingArgs(): string[];
  /** The remaining arguments; an error unless there are `least` to `most` of them. */
  args(least: number, most?: number): string[];
  error(problem: string): CorefileError;
  argError(): CorefileError;
  unknownProperty(): CorefileError;
}

export function createDispenser(plugin: string, tokens: readonly Token[]): Dispenser {
  let at = -1;
  let nesting = 0;

  const sameLine = (): boolean => {
    const current = tokens[at];
    const next = tokens[at + 1];
    if (!current || !next) return false;
    return current.file === next.file && current.line + (current.text.split('\n').length - 1) === next.line;
  };

  const dispenser: Dispenser = {
    get value() {
      return tokens[at]?.text ?? '';
    },
    next() {
      if (at + 1 >= tokens.length) return false;
      at++;
      return true;
    },
    nextArg() {
      if (at >= 0 && !sameLine()) return false;
      return dispenser.next();
    },
    nextBlock() {
      if (nesting > 0) {
        dispenser.next();
        if (dispenser.value !== '}') return true;
        nesting--;
        return false;
      }
      if (!dispenser.nextArg()) return false;
      if (dispenser.value !== '{') {
        at--;
        return false;
      }
      at++;
      if (tokens[at]?.text === '}') return false;
      nesting++;
      return true;
    },
    remainingArgs() {
      const values: string[] = [];
      while (dispenser.nextArg()) {
        if (dispenser.value === '{') {
          at--;
          break;
        }
        values.push(dispenser.value);
      }
      return values;
    },
    args(least, most = least) {
      const values = dispenser.remainingArgs();
      if (values.length < least || values.length > most) throw dispenser.argError();
      return values;
    },
    error: (problem) =>
      new CorefileError(tokens[Math.max(at, 0)] ?? { file: 'Corefile', line: 1 }, problem, plugin),
    argError: () =>
      dispenser.error(`Wrong argument count or unexpected line ending after '${dispenser.value}'`),
    unknownProperty: () => dispenser.error(`unknown property '${dispenser.value}'`),
  };
  return dispenser;
}
