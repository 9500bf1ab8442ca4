/** An object or array that the scan is inside of. */
type Frame = { keys: Set<string>; key: string } | { index: number };

/** As Go reads no more: what is deeper would exhaust the stack of whatever walks it. */
const deepest = 10_000;

const tokens = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g;

/**
 * Paths of fields that stand more than once in their object (`spec.replicas`, `spec.ports[0].port`), in the
 * order of the text, which must be valid JSON. One pass over the text: `JSON.parse` keeps the last of them
 * without a word, and every request body is looked at.
 *
 * @throws RangeError for a text of more than 10,000 objects and arrays within one another
 */
export function duplicateFields(json: string): string[] {
  const found: string[] = [];
  const frames: Frame[] = [];
  let top: Frame | undefined;
  let atKey = false;
  for (const [token] of json.matchAll(tokens)) {
    if (frames.length > deepest) throw new RangeError('exceeded max depth');
    switch (token) {
      case '{':
        top = { keys: new Set(), key: '' };
        frames.push(top);
        atKey = true;
        break;
      case '[':
        top = { index: 0 };
        frames.push(top);
        atKey = false;
        break;
      case '}':
      case ']':
        frames.pop();
        top = frames.at(-1);
        atKey = false;
        break;
      case ',':
        if (top && 'index' in top) top.index += 1;
        else atKey = true;
        break;
      case ':':
        atKey = false;
        break;
      default:
        if (!atKey || !top || 'index' in top) break;
        top.key = token.includes('\\') ? (JSON.parse(token) as string) : token.slice(1, -1);
        if (top.keys.has(top.key)) found.push(pathOf(frames));
        top.keys.add(top.key);
    }
  }
  return found;
}

function pathOf(frames: readonly Frame[]): string {
  let path = '';
  for (const frame of frames) {
    if ('index' in frame) path += `[${frame.index}]`;
    else path += path ? `.${frame.key}` : frame.key;
  }
  return path;
}
