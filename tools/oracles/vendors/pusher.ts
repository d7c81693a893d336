import Pusher from 'pusher';
import { defineOracle, type CaseInput } from '../define-oracle.ts';
import { hostileText, nowSeconds } from '../sample-values.ts';

interface PusherCase extends CaseInput {
  readonly secrets: { readonly secret: string };
  readonly options: { readonly appId: string; readonly key: string };
}

interface ChannelCase extends PusherCase {
  readonly parameters: {
    readonly socketId: string;
    readonly channelName: string;
    readonly userInfo?: Readonly<Record<string, unknown>>;
  };
}

interface UserCase extends PusherCase {
  readonly parameters: { readonly socketId: string; readonly userInfo?: Readonly<Record<string, unknown>> };
}

const given = {
  nowSeconds,
  secrets: { secret: 'sample-secret' },
  options: { appId: 'sample-app', key: 'sample-key' },
  userId: 'alice',
};
const socketId = '123456.7890';

function createClient({ secrets, options }: PusherCase): Pusher {
  return new Pusher({ ...secrets, ...options, cluster: 'eu' });
}

/** Pusher's client libraries accept letters, digits and these signs in the name of a channel. */
const oddChannelName = 'presence-a_b=c@d,e.f;g-1';

export const products = [
  defineOracle<ChannelCase>({
    product: 'private-channel',
    package: 'pusher',
    cases: [
      { ...given, title: 'a private channel', parameters: { socketId, channelName: 'private-orders' } },
      {
        ...given,
        title: 'a private channel with every sign that a name may have',
        parameters: { socketId: '1.1', channelName: oddChannelName.replace('presence-', 'private-') },
      },
    ],
    record: (input) => {
      const { socketId, channelName } = input.parameters;
      return { text: JSON.stringify(createClient(input).authorizeChannel(socketId, channelName)) };
    },
  }),
  defineOracle<ChannelCase>({
    product: 'presence-channel',
    package: 'pusher',
    cases: [
      { ...given, title: 'a presence channel', parameters: { socketId, channelName: 'presence-room' } },
      {
        ...given,
        title: 'a presence channel whose member has information',
        parameters: { socketId, channelName: 'presence-room', userInfo: { name: 'Alice', age: 30, admin: false } },
      },
      {
        ...given,
        title: 'a presence channel with hostile text as user and as information',
        userId: hostileText,
        parameters: { socketId, channelName: oddChannelName, userInfo: { name: hostileText } },
      },
    ],
    record: (input) => {
      const { socketId, channelName, userInfo } = input.parameters;
      const member = { user_id: input.userId, ...(userInfo === undefined ? {} : { user_info: userInfo }) };
      return { text: JSON.stringify(createClient(input).authorizeChannel(socketId, channelName, member)) };
    },
  }),
  defineOracle<UserCase>({
    product: 'user-authentication',
    package: 'pusher',
    cases: [
      { ...given, title: 'a signed-in user', parameters: { socketId } },
      {
        ...given,
        title: 'a signed-in user with information',
        parameters: { socketId, userInfo: { name: 'Alice', age: 30, admin: false } },
      },
      {
        ...given,
        title: 'a signed-in user with hostile text as id and as information',
        userId: hostileText,
        parameters: { socketId, userInfo: { name: hostileText } },
      },
    ],
    record: (input) => {
      const { socketId, userInfo } = input.parameters;
      const user = { id: input.userId, ...(userInfo === undefined ? {} : { user_info: userInfo }) };
      return { text: JSON.stringify(createClient(input).authenticateUser(socketId, user)) };
    },
  }),
];
