import { runLoad, type Load } from './open-loop.ts';

process.send?.(await runLoad(JSON.parse(process.argv[2] ?? '') as Load));
