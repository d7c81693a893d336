import type { RoomPlan } from '../rooms.ts';
import type { Problem, Repository, SourcePackage } from './repository.ts';
import { resolveImport, type SourceFile } from './source-file.ts';

/** Reports imports that `plans` does not allow, folders that it does not declare, and declared rooms without a folder. */
export function checkRoomOrder({ packages }: Repository, plans: Readonly<Record<string, RoomPlan>>): Problem[] {
  return packages.flatMap((entry) => {
    const plan = plans[entry.name];
    if (plan === undefined) return [];
    const missing = listMissingRooms(entry, plan).map((room) => ({
      place: `${entry.folder}/src`,
      problem: `has no room ${room}, which tools/rooms.ts declares`,
    }));
    return [...missing, ...checkRooms(entry, plan)];
  });
}

function listMissingRooms({ folder, files }: SourcePackage, { levels }: RoomPlan): string[] {
  return levels
    .flat()
    .filter((room) => !files.some(({ path }) => path.startsWith(`${folder}/src/${room.replace(/\/\*$/, '')}/`)));
}

function checkRooms(entry: SourcePackage, plan: RoomPlan): Problem[] {
  const importers = entry.files.filter(({ isTest }) => !isTest);
  return importers.flatMap((file) => {
    const room = findRoom(entry, plan, file.path);
    if (room.kind === 'root') return [];
    if (room.kind === 'undeclared') {
      return [{ place: file.path, problem: 'is in no room that tools/rooms.ts declares' }];
    }
    return checkImportsOfRoom(entry, plan, file, room);
  });
}

type Room =
  | { readonly kind: 'root'; readonly fileName: string }
  | { readonly kind: 'room'; readonly name: string; readonly level: number }
  | { readonly kind: 'undeclared' };

function findRoom({ folder }: SourcePackage, { levels }: RoomPlan, path: string): Room {
  const inside = path.slice(`${folder}/src/`.length);
  const parts = inside.split('/');
  if (parts.length === 1) return { kind: 'root', fileName: inside };
  for (const [level, rooms] of levels.entries()) {
    for (const declared of rooms) {
      if (declared === parts[0]) return { kind: 'room', name: declared, level };
      // `vendors/acme.ts` and `vendors/acme/users.ts` are both in the room `vendors/acme`.
      if (declared === `${parts[0]}/*`) {
        return { kind: 'room', name: `${parts[0]}/${parts[1]?.replace(/\.tsx?$/, '')}`, level };
      }
    }
  }
  return { kind: 'undeclared' };
}

function checkImportsOfRoom(
  entry: SourcePackage,
  plan: RoomPlan,
  { path, imports }: SourceFile,
  room: Extract<Room, { kind: 'room' }>,
): Problem[] {
  return imports.flatMap(({ specifier }) => {
    const target = resolveImport(path, specifier);
    if (target === undefined || !target.startsWith(`${entry.folder}/src/`)) return [];
    const other = findRoom(entry, plan, target);
    const report = (problem: string) => [{ place: path, problem: `imports ${specifier}: ${problem}` }];
    if (other.kind === 'root') {
      if (plan.words.includes(other.fileName) || plan.programs?.includes(room.name)) return [];
      return report(
        `the room ${room.name} must not import a file directly in src/ that tools/rooms.ts does not declare as words`,
      );
    }
    if (other.kind === 'undeclared') return report('its target is in no room that tools/rooms.ts declares');
    if (other.name === room.name || other.level > room.level) return [];
    return report(`the room ${room.name} must not import ${other.name}, which is not below it`);
  });
}
