import { ValetError } from '@valetkey/client-sdk';
import { useCallback, useEffect, useState } from 'react';
import { nymbl, openNabla, reconcileVital, vital } from './valet.ts';

/** Loads a text once, and shows it or the code of the failure. */
function useText(load: () => Promise<string>): string {
  const [text, setText] = useState('Loading …');
  useEffect(() => {
    let isShown = true;
    const show = (next: string) => isShown && setText(next);
    load().then(show, (error: unknown) => show(ValetError.isInstance(error) ? `failed: ${error.code}` : 'failed'));
    return () => {
      isShown = false;
    };
  }, [load]);
  return text;
}

async function json<Body>(response: Response): Promise<Body> {
  if (!response.ok) throw new Error(`The vendor responded with ${response.status}.`);
  return response.json() as Promise<Body>;
}

async function listPatients() {
  const response = await nymbl('/Patients?$top=3');
  const { value } = await json<{ value: { first_name: string; last_name: string }[] }>(response);
  return value.map(({ first_name, last_name }) => `${first_name} ${last_name}`).join(', ');
}

/** Nymbl's token stays at the broker, which makes the call. */
export function Nymbl() {
  return <>patients: {useText(listPatients)}</>;
}

async function readVitalUser() {
  await reconcileVital();
  const user = await vital.fetch(`/v2/user/${await vital.currentUserId()}`);
  return `user ${(await json<{ user_id: string }>(user)).user_id}`;
}

/** Signs in at Vital once per browser. The session stays signed in until the user signs out. */
export function Vital() {
  return <>{useText(readVitalUser)}</>;
}

async function readPatient(userId: string) {
  const nabla = openNabla(userId);
  try {
    const response = await nabla.fetch('/v1/patient/graphql/sdk/authenticated', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: '{ me { id } }' }),
    });
    return `patient ${(await json<{ data: { me: { id: string } } }>(response)).data.me.id}`;
  } finally {
    nabla.close();
  }
}

/** Calls Nabla's API as the patient. */
export function Nabla({ userId }: { userId: string }) {
  return <>{useText(useCallback(() => readPatient(userId), [userId]))}</>;
}
