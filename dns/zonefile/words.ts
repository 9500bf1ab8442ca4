/** A word of a zone file. */
export interface Word {
  text: string;
  /** It stood in double quotes: a character string, whatever is in it. */
  quoted: boolean;
}

/** What belongs to one record or directive: a line, or several that parentheses hold together. */
export interface Entry {
  /** Of its first word. */
  line: number;
  words: Word[];
  /** It began with white space: its owner is that of the entry before. */
  indented: boolean;
}

/** Something wrong in a zone file, with the line it is on. */
export class ZoneFileError extends Error {
  override name = 'ZoneFileError';
}

/**
 * Splits a zone file (RFC 1035 5.1) into entries: `;` begins a comment, parentheses join lines, double quotes hold
 * a word together, `\` keeps the character after it as it is. Throws {@link ZoneFileError} for quotes and
 * parentheses that are not closed.
 */
export function entriesOf(text: string, file: string): Entry[] {
  const entries: Entry[] = [];
  let entry: Entry | undefined;
  let line = 1;
  let depth = 0;
  let at = 0;
  let lineStart = true;
  let indented = false;
  const fail = (problem: string): never => {
    throw new ZoneFileError(`${file}:${line} - ${problem}`);
  };
  const add = (word: Word) => {
    if (!entry) {
      entry = { line, words: [], indented };
      entries.push(entry);
    }
    entry.words.push(word);
  };

  while (at < text.length) {
    const char = text[at];
    if (char === '\n') {
      line++;
      at++;
      if (depth > 0) continue;
      entry = undefined;
      lineStart = true;
      continue;
    }
    if (lineStart) {
      lineStart = false;
      indented = char === ' ' || char === '\t';
    }
    if (char === ' ' || char === '\t' || char === '\r') at++;
    else if (char === ';') while (at < text.length && text[at] !== '\n') at++;
    else if (char === '(') {
      depth++;
      at++;
    } else if (char === ')') {
      if (--depth < 0) fail("')' without a '(' before it");
      at++;
    } else if (char === '"') {
      const end = endOf(text, at + 1, (c) => c === '"');
      if (end >= text.length) fail('a quoted string has no end');
      add({ text: text.slice(at + 1, end), quoted: true });
      at = end + 1;
    } else {
      const end = endOf(text, at, (c) => ' \t\r\n;()"'.includes(c));
      add({ text: text.slice(at, end), quoted: false });
      at = end;
    }
  }
  if (depth > 0) fail("a '(' is never closed");
  return entries;
}

/** The first index from `at` whose character ends the word; one after a backslash does not. */
function endOf(text: string, at: number, ends: (char: string) => boolean): number {
  let end = at;
  while (end < text.length && !ends(text[end] ?? '')) end += text[end] === '\\' ? 2 : 1;
  return Math.min(end, text.length);
}
