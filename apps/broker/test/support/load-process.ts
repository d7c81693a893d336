// Runs the loads in its first argument at the same time, and sends their samples to the parent process.
import { runLoad, type Load } from './open-loop.ts';

process.send?.(await Promise.all((JSON.parse(process.argv[2] ?? '') as Load[]).map(runLoad)));
