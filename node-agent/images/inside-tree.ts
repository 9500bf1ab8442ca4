import { lstatSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

/** As many as Linux follows, MAXSYMLINKS. */
const mostLinks = 40;

/**
 * Where `path` is within the tree below `root`, as for a process whose root that is: links lead nowhere else, and
 * `..` of the root is the root. What does not exist is taken as it is written.
 */
export function insideTree(root: string, path: string): string {
  let missing = path.split('/');
  let at: string[] = [];
  for (let links = 0; missing.length > 0; ) {
    const [part = '', ...rest] = missing;
    missing = rest;
    if (part === '' || part === '.') continue;
    if (part === '..') {
      at.pop();
      continue;
    }
    const place = join(root, ...at, part);
    if (!lstatSync(place, { throwIfNoEntry: false })?.isSymbolicLink()) {
      at.push(part);
      continue;
    }
    links += 1;
    if (links > mostLinks) throw new Error(`${path}: too many levels of symbolic links`);
    const target = readlinkSync(place);
    if (target.startsWith('/')) at = [];
    missing = [...target.split('/'), ...missing];
  }
  return join(root, ...at);
}
