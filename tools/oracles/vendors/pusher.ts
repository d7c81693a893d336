import Pusher from 'pusher';
import { defineOracle, type CaseInput } from '../define-oracle.ts';
import { hostileText, nowSeconds } from '../sample-values.ts';

interface PusherCase extends CaseInput {
  readonly secrets: { readonly secret: string };
  readonly options: { readonly key: string };
}

interface ChannelCase extends PusherCase {
  readonly parameters: {
    readonly socket_id: string;
    readonly channel_name: string;
    readonly user_info?: Readonly<Record<string, unknown>>;
  };
}

interface UserCase extends PusherCase {
  readonly parameters: { readonly socket_id: string; readonly user_info?: Readonly<Record<string, unknown>> };
}

const given = {
  nowSeconds,
  secrets: { secret: 'sample-secret' },
  options: { key: 'sample-key' },
  userId: 'alice',
};
const socket_id = '123456.7890';

function createClient({ secrets, options }: PusherCase): Pusher {
  return new Pusher({ ...secrets, ...options, appId: 'sample-app', cluster: 'eu' });
}

/** Pusher's client libraries accept letters, digits and these signs in the name of a channel. */
const oddChannelName = 'presence-a_b=c@d,e.f;g-1';

export const products = [
  defineOracle<ChannelCase>({
    product: 'pusher-channel',
    package: 'pusher',
    cases: [
      { ...given, title: 'a private channel', parameters: { socket_id, channel_name: 'private-orders' } },
      {
        ...given,
        title: 'a private channel with every sign that a name may have',
        parameters: { socket_id: '1.1', channel_name: oddChannelName.replace('presence-', 'private-') },
      },
    ],
    record: (input) => {
      const { socket_id, channel_name } = input.parameters;
      return { text: JSON.stringify(createClient(input).authorizeChannel(socket_id, channel_name)) };
    },
  }),
  defineOracle<ChannelCase>({
    product: 'pusher-presence',
    package: 'pusher',
    cases: [
      { ...given, title: 'a presence channel', parameters: { socket_id, channel_name: 'presence-room' } },
      {
        ...given,
        title: 'a presence channel whose member has information',
        parameters: { socket_id, channel_name: 'presence-room', user_info: { name: 'Alice', age: 30, admin: false } },
      },
      {
        ...given,
        title: 'a presence channel with hostile text as user and as information',
        userId: hostileText,
        parameters: { socket_id, channel_name: oddChannelName, user_info: { name: hostileText } },
      },
    ],
    record: (input) => {
      const { socket_id, channel_name, user_info } = input.parameters;
      const member = { user_id: input.userId, ...(user_info === undefined ? {} : { user_info }) };
      return { text: JSON.stringify(createClient(input).authorizeChannel(socket_id, channel_name, member)) };
    },
  }),
  defineOracle<UserCase>({
    product: 'pusher-user',
    package: 'pusher',
    cases: [
      { ...given, title: 'a signed-in user', parameters: { socket_id } },
      {
        ...given,
        title: 'a signed-in user with information',
        parameters: { socket_id, user_info: { name: 'Alice', age: 30, admin: false } },
      },
      {
        ...given,
        title: 'a signed-in user with hostile text as id and as information',
        userId: hostileText,
        parameters: { socket_id, user_info: { name: hostileText } },
      },
    ],
    record: (input) => {
      const { socket_id, user_info } = input.parameters;
      const user = { id: input.userId, ...(user_info === undefined ? {} : { user_info }) };
      return { text: JSON.stringify(createClient(input).authenticateUser(socket_id, user)) };
    },
  }),
];
