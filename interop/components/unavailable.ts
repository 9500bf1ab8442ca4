/** A genuine program is not there and cannot be had; the message says what to do. */
export class ComponentUnavailable extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ComponentUnavailable';
  }
}
