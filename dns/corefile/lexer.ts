/** A word of a Corefile and where it stands. */
export interface Token {
  file: string;
  line: number;
  text: string;
}

/**
 * Splits a Corefile into words as Caddy's lexer does: white space separates, double quotes hold a word
 * together (`\"` inside them is a quote), `#` at the start of a word begins a comment.
 */
export function tokenize(text: string, file: string): Token[] {
  const tokens: Token[] = [];
  const source = text.startsWith('\ufeff') ? text.slice(1) : text;
  let line = 1;
  let word = '';
  let start = 1;
  let quoted = false;
  let comment = false;
  const finish = () => {
    if (word !== '') tokens.push({ file, line: start, text: word });
    word = '';
  };
  for (let at = 0; at < source.length; at++) {
    const char = source[at] as string;
    if (quoted) {
      if (char === '\\' && source[at + 1] === '"') {
        word += '"';
        at++;
      } else if (char === '"') {
        tokens.push({ file, line: start, text: word });
        word = '';
        quoted = false;
      } else {
        if (char === '\n') line++;
        word += char;
      }
      continue;
    }
    if (char === '\n') {
      finish();
      comment = false;
      line++;
    } else if (/\s/.test(char)) finish();
    else if (comment) continue;
    else if (word === '' && char === '#') comment = true;
    else if (word === '' && char === '"') {
      quoted = true;
      start = line;
    } else {
      if (word === '') start = line;
      word += char;
    }
  }
  if (quoted) tokens.push({ file, line: start, text: word });
  else finish();
  return tokens;
}
