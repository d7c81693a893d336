// Written by `pnpm generate` from the folders of vendors/.
import type { AnyRecipeInput } from './recipe/define-recipe.ts';
import { ablyRecipe } from './vendors/ably/ably.recipe.ts';
import { ablyJwtRecipe } from './vendors/ably/ably-jwt.recipe.ts';
import { algoliaRecipe } from './vendors/algolia/algolia.recipe.ts';
import { anthropicProxyRecipe } from './vendors/anthropic/anthropic-proxy.recipe.ts';
import { azureOpenaiRealtimeRecipe } from './vendors/azure-openai/azure-openai-realtime.recipe.ts';
import { deepgramRecipe } from './vendors/deepgram/deepgram.recipe.ts';
import { deepgramProxyRecipe } from './vendors/deepgram/deepgram-proxy.recipe.ts';
import { elevenlabsConversationRecipe } from './vendors/elevenlabs/elevenlabs-conversation.recipe.ts';
import { elevenlabsProxyRecipe } from './vendors/elevenlabs/elevenlabs-proxy.recipe.ts';
import { elevenlabsSignedUrlRecipe } from './vendors/elevenlabs/elevenlabs-signed-url.recipe.ts';
import { elevenlabsTokenRecipe } from './vendors/elevenlabs/elevenlabs-token.recipe.ts';
import { firebaseRecipe } from './vendors/firebase/firebase.recipe.ts';
import { geminiProxyRecipe } from './vendors/gemini/gemini-proxy.recipe.ts';
import { livekitRecipe } from './vendors/livekit/livekit.recipe.ts';
import { meilisearchRecipe } from './vendors/meilisearch/meilisearch.recipe.ts';
import { openaiProxyRecipe } from './vendors/openai/openai-proxy.recipe.ts';
import { openaiRealtimeRecipe } from './vendors/openai/openai-realtime.recipe.ts';
import { plaidLinkRecipe } from './vendors/plaid/plaid-link.recipe.ts';
import { pusherChannelRecipe } from './vendors/pusher/pusher-channel.recipe.ts';
import { pusherPresenceRecipe } from './vendors/pusher/pusher-presence.recipe.ts';
import { pusherUserRecipe } from './vendors/pusher/pusher-user.recipe.ts';
import { stripeAccountSessionRecipe } from './vendors/stripe/stripe-account-session.recipe.ts';
import { stripeCustomerSessionRecipe } from './vendors/stripe/stripe-customer-session.recipe.ts';
import { stripeEphemeralKeyRecipe } from './vendors/stripe/stripe-ephemeral-key.recipe.ts';
import { stripeTerminalRecipe } from './vendors/stripe/stripe-terminal.recipe.ts';
import { supabaseRecipe } from './vendors/supabase/supabase.recipe.ts';
import { supabaseEs256Recipe } from './vendors/supabase/supabase-es256.recipe.ts';
import { twilioConversationsRecipe } from './vendors/twilio/twilio-conversations.recipe.ts';
import { twilioSyncRecipe } from './vendors/twilio/twilio-sync.recipe.ts';
import { twilioVideoRecipe } from './vendors/twilio/twilio-video.recipe.ts';
import { twilioVoiceRecipe } from './vendors/twilio/twilio-voice.recipe.ts';
import { typesenseRecipe } from './vendors/typesense/typesense.recipe.ts';
import { xaiRealtimeRecipe } from './vendors/xai/xai-realtime.recipe.ts';

/** Every recipe of the catalog, by its id. It is data: `findRecipe` checks and compiles it. */
export const recipes: Readonly<Record<string, AnyRecipeInput>> = {
  ably: ablyRecipe,
  'ably-jwt': ablyJwtRecipe,
  algolia: algoliaRecipe,
  'anthropic-proxy': anthropicProxyRecipe,
  'azure-openai-realtime': azureOpenaiRealtimeRecipe,
  deepgram: deepgramRecipe,
  'deepgram-proxy': deepgramProxyRecipe,
  'elevenlabs-conversation': elevenlabsConversationRecipe,
  'elevenlabs-proxy': elevenlabsProxyRecipe,
  'elevenlabs-signed-url': elevenlabsSignedUrlRecipe,
  'elevenlabs-token': elevenlabsTokenRecipe,
  firebase: firebaseRecipe,
  'gemini-proxy': geminiProxyRecipe,
  livekit: livekitRecipe,
  meilisearch: meilisearchRecipe,
  'openai-proxy': openaiProxyRecipe,
  'openai-realtime': openaiRealtimeRecipe,
  'plaid-link': plaidLinkRecipe,
  'pusher-channel': pusherChannelRecipe,
  'pusher-presence': pusherPresenceRecipe,
  'pusher-user': pusherUserRecipe,
  'stripe-account-session': stripeAccountSessionRecipe,
  'stripe-customer-session': stripeCustomerSessionRecipe,
  'stripe-ephemeral-key': stripeEphemeralKeyRecipe,
  'stripe-terminal': stripeTerminalRecipe,
  supabase: supabaseRecipe,
  'supabase-es256': supabaseEs256Recipe,
  'twilio-conversations': twilioConversationsRecipe,
  'twilio-sync': twilioSyncRecipe,
  'twilio-video': twilioVideoRecipe,
  'twilio-voice': twilioVoiceRecipe,
  typesense: typesenseRecipe,
  'xai-realtime': xaiRealtimeRecipe,
};
