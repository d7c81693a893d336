// Checks the rules about packages, rooms, imports, sizes and names: `npx -y pnpm@12.18.0 structure`.
import { roomPlans } from './rooms.ts';
import { checkImportCycles } from './structure/import-cycles.ts';
import { checkFileForm } from './structure/file-form.ts';
import { checkFunctionLength } from './structure/function-length.ts';
import { checkPackageImports } from './structure/package-imports.ts';
import { checkReadmes } from './structure/readme.ts';
import { readRepository } from './structure/repository.ts';
import { checkRoomOrder } from './structure/room-order.ts';
import { checkRootFolder } from './structure/root-folder.ts';
import { checkVendorRegistry } from './structure/vendor-registry.ts';
import { root } from './workspace.ts';

const repository = readRepository(root);
const problems = [
  ...checkFileForm(repository),
  ...checkFunctionLength(repository),
  ...checkImportCycles(repository),
  ...checkRoomOrder(repository, roomPlans),
  ...checkPackageImports(repository),
  ...checkReadmes(repository),
  ...checkVendorRegistry(repository),
  ...checkRootFolder(root),
];

for (const { place, problem } of problems) process.stderr.write(`${place}: ${problem}\n`);
process.stdout.write(
  `structure: ${repository.packages.length} packages, ${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}\n`,
);
process.exitCode = problems.length === 0 ? 0 : 1;
