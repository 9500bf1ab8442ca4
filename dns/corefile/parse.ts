import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, isAbsolute, join } from 'node:path';
import { CorefileError } from './errors.ts';
import { type Token, tokenize } from './lexer.ts';

/** `KEYS { directives }`: the directive's own name is the first of its tokens, each time it occurs. */
export interface ServerBlock {
  keys: Token[];
  /** In order of first appearance. */
  directives: Map<string, Token[]>;
}

export interface ParseOptions {
  /** What `import` of a file reads; replaced in tests. */
  readFile?: (path: string) => string;
  environment?: NodeJS.ProcessEnv;
  /** The directives there are; others are an error. All are taken when absent. */
  known?: ReadonlySet<string>;
}

/**
 * Reads a Corefile as coredns/caddy's parser does: server blocks, `(snippets)`, `import`, `{$VARIABLES}`;
 * braces may be left out when there is one block. Throws {@link CorefileError}.
 */
export function parseCorefile(text: string, file = 'Corefile', options: ParseOptions = {}): ServerBlock[] {
  const { readFile = (path) => readFileSync(path, 'utf8'), environment = process.env, known } = options;
  const snippets = new Map<string, Token[]>();
  const tokens = tokenize(text, file);
  const blocks: ServerBlock[] = [];
  let at = 0;
  let imports = 0;

  const here = (): Token => tokens[at] ?? tokens.at(-1) ?? { file, line: 1, text: '' };
  const fail = (problem: string, token = here()): never => {
    throw new CorefileError(token, problem);
  };
  const syntaxError = (expected: string) =>
    fail(`Syntax error: Unexpected token '${here().text}', expecting '${expected}'`);
  const startsLine = (index: number): boolean => {
    const previous = tokens[index - 1];
    const token = tokens[index];
    if (!previous || !token) return true;
    return previous.file !== token.file || previous.line + lineBreaks(previous.text) < token.line;
  };

  /** Puts what `import` at `at` names in its place; `at` is then the first of the new tokens. */
  function spliceImport(): void {
    const token = here();
    const argument = tokens[at + 1];
    if (!argument || startsLine(at + 1)) throw argumentError(token);
    const pattern = withEnvironment(argument.text, environment);
    if (pattern === '') fail('Import requires a non-empty filepath', argument);
    if (tokens[at + 2] && !startsLine(at + 2))
      fail('Import takes only one argument (glob pattern or file)', argument);
    if (++imports > 1_000) fail(`Import of ${pattern} never ends: it leads back to itself`, argument);
    const found = snippets.get(pattern) ?? importFiles(pattern, argument, readFile);
    tokens.splice(at, 2, ...found);
  }

  function keysOfBlock(): Token[] {
    const keys: Token[] = [];
    let more = false;
    for (;;) {
      const token = tokens[at];
      if (!token) {
        if (more) fail('Unexpected EOF');
        return keys;
      }
      if (token.text === 'import' && startsLine(at)) {
        spliceImport();
        continue;
      }
      if (token.text === '{') {
        if (more) syntaxError('valid address');
        return keys;
      }
      if (keys.length > 0 && startsLine(at) && !more) return keys;
      const text = withEnvironment(token.text, environment);
      more = text.endsWith(',');
      const key = more ? text.slice(0, -1) : text;
      if (key !== '') keys.push({ ...token, text: key });
      at++;
    }
  }

  /** One directive, from its name to the end of its line or of its own block. */
  function directive(block: ServerBlock): void {
    const name = here();
    const text = withEnvironment(name.text, environment);
    if (known && !known.has(text)) fail(`Unknown directive '${text}'`);
    const list = block.directives.get(text) ?? [];
    block.directives.set(text, list);
    list.push({ ...name, text });
    let nesting = 0;
    for (at++; at < tokens.length; at++) {
      const token = here();
      if (nesting === 0 && startsLine(at) && token.text !== '{') break;
      if (token.text === '{') nesting++;
      else if (token.text === '}') {
        if (nesting === 0) fail("Unexpected '}' because no matching opening brace");
        nesting--;
      } else if (token.text === 'import' && startsLine(at)) {
        spliceImport();
        at--;
        continue;
      }
      list.push({ ...token, text: withEnvironment(token.text, environment) });
    }
    if (nesting > 0) fail('Unexpected EOF');
  }

  function directives(block: ServerBlock, braced: boolean): void {
    for (;;) {
      const token = tokens[at];
      if (!token) {
        if (braced) fail('Unexpected EOF');
        return;
      }
      if (token.text === '}') {
        if (!braced) syntaxError('directive');
        at++;
        return;
      }
      if (token.text === 'import') spliceImport();
      else directive(block);
    }
  }

  function snippet(name: string): void {
    if (snippets.has(name)) fail(`redeclaration of previously declared snippet ${name}`);
    if (here().text !== '{') syntaxError('{');
    const body: Token[] = [];
    let nesting = 1;
    for (at++; ; at++) {
      const token = tokens[at] ?? fail('Unexpected EOF');
      if (token.text === '}' && --nesting === 0) break;
      if (token.text === '{') nesting++;
      body.push(token);
    }
    at++;
    snippets.set(name, body);
  }

  while (at < tokens.length) {
    const keys = keysOfBlock();
    const only = keys.length === 1 ? keys[0]?.text : undefined;
    if (only?.startsWith('(') && only.endsWith(')')) {
      snippet(only.slice(1, -1));
      continue;
    }
    const block: ServerBlock = { keys, directives: new Map() };
    const braced = tokens[at]?.text === '{';
    if (!braced && blocks.length > 0) syntaxError('{');
    if (braced) at++;
    if (at < tokens.length || braced) directives(block, braced);
    if (keys.length > 0 || block.directives.size > 0) blocks.push(block);
  }
  return blocks;
}

function argumentError(token: Token): CorefileError {
  return new CorefileError(token, `Wrong argument count or unexpected line ending after '${token.text}'`);
}

function importFiles(pattern: string, at: Token, readFile: (path: string) => string): Token[] {
  const path = isAbsolute(pattern) ? pattern : join(dirname(at.file), pattern);
  const files = /[*?[]/.test(pattern) ? filesLike(path) : [path];
  return files.flatMap((file) => {
    try {
      return tokenize(readFile(file), file);
    } catch (error) {
      throw new CorefileError(at, `Could not import ${file}: ${(error as Error).message}`);
    }
  });
}

/** Files whose names match a pattern of `*` and `?`; as upstream, no pattern in the folder's part, no hidden files. */
function filesLike(path: string): string[] {
  const expression = basename(path)
    .replace(/[.+^${}()|\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  return readdirSync(dirname(path), { withFileTypes: true })
    .filter(
      (entry) =>
        !entry.isDirectory() && !entry.name.startsWith('.') && new RegExp(`^${expression}$`).test(entry.name),
    )
    .map(({ name }) => join(dirname(path), name))
    .sort();
}

/** `{$NAME}` and `{%NAME%}` become what the environment has, or nothing. */
function withEnvironment(text: string, environment: NodeJS.ProcessEnv): string {
  if (!text.includes('{')) return text;
  return text.replace(
    /\{\$([^{}]+)\}|\{%([^{}%]+)%\}/g,
    (_, unix, windows) => environment[unix ?? windows] ?? '',
  );
}

function lineBreaks(text: string): number {
  return text.split('\n').length - 1;
}
