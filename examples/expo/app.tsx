import { nymblFetch, ValetError } from '@valetkey/client-sdk';
import { useLogin, useVendorToken } from '@valetkey/client-sdk/react';
import { useState } from 'react';
import { Button, Text, View } from 'react-native';
import { login, signIn, valet } from './valet.ts';

const nymbl = nymblFetch(valet);

export function App() {
  const { sessionState, user } = useLogin(login);
  const [failure, setFailure] = useState('');
  const run = (action: () => Promise<unknown>) => () => {
    setFailure('');
    action().catch((error: unknown) => setFailure(`Failed: ${codeOf(error)}.`));
  };
  return (
    <View style={{ flex: 1, justifyContent: 'center', gap: 16, padding: 32 }}>
      {sessionState === 'UNKNOWN' && <Text>Loading …</Text>}
      {sessionState === 'NO_SESSION' && <Button title="Sign in" onPress={run(signIn)} />}
      {user !== undefined && (
        // The key starts every vendor anew if another user signs in.
        <View key={`${user.issuer} ${user.subject}`} style={{ gap: 16 }}>
          <Text>Signed in as {user.subject}.</Text>
          <Nudge />
          <Patients />
          <Button title="Sign out" onPress={run(() => login.logout())} />
        </View>
      )}
      {failure !== '' && <Text role="alert">{failure}</Text>}
    </View>
  );
}

/** Holds a token for Nudge's SDK, always fresh. */
function Nudge() {
  const { status, response, refresh } = useVendorToken(valet, 'nudge');
  if (status === 'error') return <Button title="Try again" onPress={refresh} />;
  return <Text>Nudge: {status === 'ready' ? `a token for ${response.expires_in} seconds` : 'loading …'}</Text>;
}

/** Nymbl's token stays at the broker, which makes the call. */
function Patients() {
  const [text, setText] = useState('');
  const load = () => {
    listPatients().then(setText, (error: unknown) => setText(`failed: ${codeOf(error)}`));
  };
  return (
    <>
      <Button title="List patients" onPress={load} />
      <Text>{text}</Text>
    </>
  );
}

async function listPatients(): Promise<string> {
  const response = await nymbl('/Patients?$top=3');
  const { value } = (await response.json()) as { value: { first_name: string; last_name: string }[] };
  return value.map(({ first_name, last_name }) => `${first_name} ${last_name}`).join(', ');
}

function codeOf(error: unknown): string {
  return ValetError.isInstance(error) ? error.code : 'unknown';
}
