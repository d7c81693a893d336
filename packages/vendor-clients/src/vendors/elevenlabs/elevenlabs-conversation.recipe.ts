import type { RecipeInput } from '../../recipe/recipe-schema.ts';
import { agentParameters, agentQuery, elevenlabsAgents } from './elevenlabs-agents.recipe-parts.ts';

export const elevenlabsConversationRecipe = {
  id: 'elevenlabs-conversation',
  title: 'ElevenLabs Agents (WebRTC)',
  ...elevenlabsAgents,
  parameters: {
    ...agentParameters,
    participant_name: { description: 'The name of the user in the conversation.', from: 'policy', optional: true },
  },
  steps: [
    {
      as: 'mint',
      http: {
        method: 'GET',
        path: '/v1/convai/conversation/token',
        query: {
          agent_id: '{parameters.agent_id}',
          participant_name: '{parameters.participant_name}',
          ...agentQuery,
        },
        headers: { 'xi-api-key': '{secrets.apiKey}' },
      },
    },
  ],
  answer: {
    token: { token: '{mint.token}' },
    details: { conversation_id: '{mint.conversation_id}' },
    expiry: 'unknown',
    uses: 'once',
  },
  sample: { mint: { token: 'sample-token', conversation_id: 'conv_sample' } },
  docs: { hook: '`conversationToken` at the start of a session', withdrawal: 'nothing: it ends by its expiry' },
} as const satisfies RecipeInput;
