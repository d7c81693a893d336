import { expect, test } from 'vitest';
import { toRedisFailure } from './redis-failure.ts';

const inScript = 'ERR Error running script (call to f_2fe56d): @user_script:2: @user_script: 2: ';

test.each([
  ['ERR SELECT is not allowed in cluster mode', 'REDIS_CLUSTER'],
  ['ERR DB index is out of range', 'REDIS_DATABASE'],
  ['ERR invalid DB index', 'REDIS_DATABASE'],
  [
    'ERR AUTH <password> called without any password configured for the default user. Are you sure?',
    'REDIS_NO_PASSWORD',
  ],
  ['ERR Client sent AUTH, but no password is set', 'REDIS_NO_PASSWORD'],
  ["ERR unknown command 'SELECT', with args beginning with: '1' ", 'REDIS_COMMAND'],
  ['ERR unknown command `EVAL`, with args beginning with: ', 'REDIS_COMMAND'],
  ['ERR Unknown Redis command called from script script: f_1, on @user_script:2.', 'REDIS_COMMAND'],
  ['ERR max number of clients reached', 'REDIS_CLIENTS'],
  ["ERR The user executing the script can't run this command or subcommand script: f_1", 'NOPERM'],
  [
    '40CD:error:0A00045C:SSL routines:ssl3_read_bytes:tlsv13 alert certificate required:rec_layer_s3.c:918:SSL alert number 116',
    'REDIS_CLIENT_CERTIFICATE',
  ],
  ['Socket closed unexpectedly', 'REDIS_CLOSED'],
  ['ERR something else', 'ERR'],
  [`${inScript}-READONLY You can't write against a read only replica.`, 'READONLY'],
  [`${inScript}OOM command not allowed when used memory > 'maxmemory'.`, 'OOM'],
  ['ERR Error running script (call to f_1): \n@user_script:12: -MISCONF Redis cannot save', 'MISCONF'],
])('toRedisFailure gives %j the code %s', (message, code) => {
  expect(toRedisFailure(new Error(message))).toMatchObject({ code, message: `Redis failed with ${code}.` });
});

test.each([
  'The ERR SELECT is not allowed in cluster mode',
  'The ERR DB index is out of range',
  'The ERR AUTH a without any password',
  'The ERR unknown command',
  'The ERR max number of clients',
  "The ERR The user executing the script can't run",
  'Socket closed unexpectedly by canary',
  `The ${inScript}-READONLY`,
])('toRedisFailure returns an error unchanged whose message only contains the text of a reply: %j', (message) => {
  const error = new Error(message);
  expect(toRedisFailure(error)).toBe(error);
});
