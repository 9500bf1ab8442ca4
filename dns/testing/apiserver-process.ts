import { startTestApiserver } from '../../apiserver/testing/apiserver.ts';

/** `apiserver-process.ts FOLDER`: an apiserver that can be killed, on the database in FOLDER; it says when it is there. */
const [folder = ''] = process.argv.slice(2);
await startTestApiserver({}, folder);
console.log('ready');
