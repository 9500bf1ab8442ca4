/**
 * An apiserver as a process of its own, for tests that kill it: `node program.ts FOLDER`. Serves on FOLDER/sock,
 * prints `ready`, and ends when its standard input does.
 */
import { startTestApiserver } from './apiserver.ts';

const [folder] = process.argv.slice(2);
if (!folder) throw new Error('usage: program.ts FOLDER');
await startTestApiserver({}, folder);
process.stdin.resume().once('end', () => process.exit());
console.log('ready');
