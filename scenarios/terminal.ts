import { createKernel } from '../kernel/run.ts';
import { SessionEnd } from '../kernel/session.ts';

/** What is typed, and what must then be seen before one goes on. */
export interface Typed {
  keys: string;
  until: RegExp;
}

const patience = 30_000;

/**
 * Runs a shell line on a terminal of its own, as script(1) makes one, and types into it. Resolves to what one would
 * have read, and the line's exit code. Rejects when the line ends too soon, or `until` is not seen for 30 seconds.
 */
export async function typeInto(
  line: string,
  opens: RegExp,
  typed: readonly Typed[],
): Promise<{ text: string; exitCode: number | undefined }> {
  const session = await createKernel().open?.('script', ['-qefc', line, '/dev/null']);
  if (!session) throw new Error('this machine starts no programs');
  let seen = '';
  const send = async (keys: string, until: RegExp) => {
    const timer = setTimeout(() => session.kill(), patience);
    try {
      seen += await session.send(keys, until);
    } catch (error) {
      if (!(error instanceof SessionEnd)) throw error;
      throw new Error(`${line}: not seen: ${until}, after ${JSON.stringify(keys)}; ${error.message}`, {
        cause: error,
      });
    } finally {
      clearTimeout(timer);
    }
  };
  try {
    await send('', opens);
    for (const { keys, until } of typed) await send(keys, until);
    const exitCode = await end(session.send('', /(?!)/));
    return { text: readable(seen), exitCode };
  } finally {
    session.kill();
  }
}

/** Nothing can match: it resolves with the program's end. */
async function end(never: Promise<string>): Promise<number | undefined> {
  try {
    await never;
  } catch (error) {
    if (error instanceof SessionEnd) return error.exitCode;
    throw error;
  }
  return undefined;
}

/** Without what moves the cursor or tells the terminal something. */
function readable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what is looked for
  return text.replace(/\u001b\[[?\d;]*[A-Za-z]/g, '').replace(/\r/g, '');
}
