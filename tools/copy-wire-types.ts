// The client SDK publishes its own copy of the declarations of the wire types, because the package has no dependencies.
import { copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './workspace.ts';

copyFileSync(join(root, 'packages/core-types/dist/wire.d.ts'), join(root, 'apps/client-sdk/dist/wire.d.ts'));
