/** A wrong option: which, what it was, what it must be. */
export class OptionError extends Error {
  constructor(option: string, value: unknown, must: string) {
    super(`${option}: invalid value ${JSON.stringify(value)}: ${must}`);
    this.name = 'OptionError';
  }
}
