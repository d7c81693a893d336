import type { RecipeInput } from '../../recipe/recipe-schema.ts';
import { agentParameters, agentQuery, elevenlabsAgents } from './elevenlabs-agents.recipe-parts.ts';

export const elevenlabsSignedUrlRecipe = {
  id: 'elevenlabs-signed-url',
  title: 'ElevenLabs Agents (WebSocket)',
  ...elevenlabsAgents,
  parameters: {
    ...agentParameters,
    include_conversation_id: {
      description: 'Whether the URL names its conversation, and thus works for one conversation only.',
      type: 'flag',
      from: 'policy',
      optional: true,
    },
  },
  steps: [
    {
      as: 'mint',
      http: {
        method: 'GET',
        path: '/v1/convai/conversation/get-signed-url',
        query: {
          agent_id: '{parameters.agent_id}',
          include_conversation_id: '{parameters.include_conversation_id}',
          ...agentQuery,
        },
        headers: { 'xi-api-key': '{secrets.apiKey}' },
      },
    },
  ],
  answer: { token: { signed_url: '{mint.signed_url}' }, expiry: { seconds: 900 }, uses: 'once' },
  sample: { mint: { signed_url: 'wss://api.elevenlabs.io/v1/convai/conversation?conversation_signature=sample' } },
  docs: { hook: '`signedUrl` at the start of a session', withdrawal: 'nothing: it ends by its expiry' },
} as const satisfies RecipeInput;
