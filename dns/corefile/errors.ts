import type { Token } from './lexer.ts';

/** Something wrong in a Corefile, told as CoreDNS tells it: `FILE:LINE - Error during parsing: …`. */
export class CorefileError extends Error {
  override name = 'CorefileError';
  /** `FILE:LINE`. */
  readonly where: string;

  constructor(at: Pick<Token, 'file' | 'line'>, problem: string, plugin?: string) {
    const where = `${at.file}:${at.line}`;
    super(`${plugin ? `plugin/${plugin}: ` : ''}${where} - Error during parsing: ${problem}`);
    this.where = where;
  }
}
