import type { Tokens } from './tokens.ts';
import { authenticated, type User } from './user.ts';

/**
 * Besides `tokens`, takes those of a file, one a line: `token,user,uid,"group1,group2"`, the groups optional. Upstream:
 * `--token-auth-file`, `apiserver/pkg/authentication/token/tokenfile`.
 * @throws Error naming a line that has too few fields
 */
export function withStaticTokens(tokens: Tokens, file: string): Tokens {
  const users = readTokenFile(file);
  return {
    issue: (options) => tokens.issue(options),
    verify: (token, audiences, now) => users.get(token) ?? tokens.verify(token, audiences, now),
  };
}

function readTokenFile(text: string): Map<string, User> {
  const users = new Map<string, User>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue;
    const [token = '', name = '', uid, groups = ''] = fieldsOf(line);
    if (!token || !name || uid === undefined)
      throw new Error(
        `line ${index + 1} of the token file must have at least 3 columns (token, user name, user uid)`,
      );
    const listed = groups.split(',').flatMap((group) => (group.trim() ? [group.trim()] : []));
    users.set(token, { name, groups: [...listed, authenticated], ...(uid ? { uid } : {}) });
  }
  return users;
}

/** Comma-separated values, quoted where they have commas themselves (RFC 4180). */
function fieldsOf(line: string): string[] {
  return [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map(([, quoted, plain = '']) =>
    (quoted?.replaceAll('""', '"') ?? plain).trim(),
  );
}
