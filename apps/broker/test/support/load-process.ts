import { runLoad, type Load } from './open-loop.ts';

process.send?.(await Promise.all((JSON.parse(process.argv[2] ?? '') as Load[]).map(runLoad)));
