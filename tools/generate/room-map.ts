import { basename } from 'node:path';
import type { RoomPlan } from '../rooms.ts';
import type { WorkspacePackage } from '../workspace.ts';
import { renderTable } from './config-reference.ts';

/** Returns the table of the rooms of each package, for AGENTS.md. */
export function renderRoomMap(
  packages: readonly Pick<WorkspacePackage, 'folder'>[],
  plans: Readonly<Record<string, RoomPlan>>,
): string {
  const rows = packages.map(({ folder }) => [`\`${folder}\``, renderRooms(plans[basename(folder)])]);
  return renderTable(['package', 'rooms'], rows);
}

function renderRooms(plan: RoomPlan | undefined): string {
  if (plan === undefined) return 'none';
  return plan.levels.map((rooms) => rooms.map((room) => `\`${room}\``).join(', ')).join(' > ');
}
