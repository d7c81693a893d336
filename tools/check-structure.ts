// Checks the rules of structure that a reader relies on, so that no reviewer has to: `npx -y pnpm@12.18.0 structure`.
import { roomPlans } from './rooms.ts';
import { checkFileCircles } from './structure/file-circles.ts';
import { checkFileForm } from './structure/file-form.ts';
import { checkFunctionLength } from './structure/function-length.ts';
import { excuseKnownOffenders } from './structure/known-offenders.ts';
import { checkPackageImports } from './structure/package-imports.ts';
import { checkReadmes } from './structure/readme.ts';
import { readRepository } from './structure/repository.ts';
import { checkRoomOrder } from './structure/room-order.ts';
import { checkRootFolder } from './structure/root-folder.ts';
import { checkVendorRegistry } from './structure/vendor-registry.ts';
import { root } from './workspace.ts';

const print = (line: string) => process.stdout.write(`structure: ${line}\n`);

const repository = readRepository(root);
const rooms = checkRoomOrder(repository, roomPlans);
const { problems, excused, mended } = excuseKnownOffenders([
  ...checkFileForm(repository),
  ...checkFunctionLength(repository),
  ...checkFileCircles(repository),
  ...rooms.problems,
  ...checkPackageImports(repository),
  ...checkReadmes(repository),
  ...checkVendorRegistry(repository),
  ...checkRootFolder(root),
]);

for (const { place, problem } of problems) process.stderr.write(`${place}: ${problem}\n`);
for (const skipped of rooms.skipped) print(`skips the rooms of ${skipped}`);
if (mended.length > 0) print(`remove from known-offenders.ts: ${mended.join(', ')}`);
print(`${repository.packages.length} packages, ${problems.length} problems, ${excused.length} known offenders`);
process.exitCode = problems.length === 0 ? 0 : 1;
