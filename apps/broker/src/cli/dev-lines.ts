import type { DestinationStream, Logger } from 'pino';
import type { Decision } from '../storage/audit-store.ts';
import { createLogger } from '../telemetry/logger.ts';
import { toPrintable } from './terminal.ts';

/** Returns a text that a caller chose, shortened and printable. */
function shorten(text: string): string {
  return toPrintable(text).slice(0, 40);
}

function timeOf(date: string | number): string {
  return `${new Date(date).toISOString().slice(11, 19)} UTC`;
}

/** Gives a text a colour, as `styleText` of Node does. */
export type Paint = (colour: 'green' | 'red' | 'yellow', text: string) => string;

/** Returns one line of text about a decision. */
export function describeDecision(decision: Decision, paint: Paint = (_colour, text) => text): string {
  const { at, subject, operation, connection, vendorUserId, outcome } = decision;
  const about = connection === undefined ? operation : `${operation} ${shorten(connection)}`;
  const vendorUser = vendorUserId === undefined ? '' : `  (${shorten(vendorUserId)})`;
  const painted = paint(outcome === 'allowed' ? 'green' : 'red', outcome);
  return `  ${timeOf(at)}  ${shorten(subject)}  ${about}  ${painted}${vendorUser}`;
}

/** The fields of a log line that `valetkey dev` reads. Only `advice` may be absent. */
interface LogLine {
  readonly level: number;
  readonly time: number;
  readonly msg: string;
  readonly advice?: string;
}

const levelOfWarnings = 40;

/** Returns the text of a line of the log: `refused: code invalid_token, connection nabla`, and the advice on its own line. */
export function describeLogLine(line: string, paint: Paint = (_colour, text) => text): string {
  const { level, time, msg, advice, ...rest } = JSON.parse(line) as LogLine;
  const {
    pid: _pid,
    hostname: _hostname,
    requestId: _requestId,
    ...fields
  } = rest as Readonly<Record<string, unknown>>;
  const details = listFields(fields).join(', ');
  const text = `${toPrintable(msg)}${details === '' ? '' : `: ${details}`}`;
  const warning = level < levelOfWarnings ? '' : `${paint('yellow', 'warning')}  `;
  const advised = advice === undefined ? '' : `\n    ${toPrintable(advice)}`;
  return `  ${timeOf(time)}  ${warning}${text}${advised}`;
}

function listFields(fields: object): string[] {
  return Object.entries(fields).flatMap(([name, value]: [string, unknown]) =>
    typeof value === 'object' && value !== null ? listFields(value) : [`${shorten(name)} ${shorten(String(value))}`],
  );
}

/** Creates the log of `valetkey dev`. It prints lines for people, without the decisions, which `onDecision` prints. */
export function createDevLogger(print: (text: string) => void, paint?: Paint): Logger {
  const destination: DestinationStream = {
    write: (line) => {
      if ((JSON.parse(line) as LogLine).msg !== 'decision') print(describeLogLine(line, paint));
    },
  };
  return createLogger('info', destination);
}
