import type { RecipeInput } from '../../recipe/index.ts';

export const elevenlabsConversationRecipe = {
  id: 'elevenlabs-conversation',
  title: 'ElevenLabs Agents (WebRTC)',
  secrets: { apiKey: { description: 'An API key of ElevenLabs that may use ElevenAgents.' } },
  baseUrl: 'https://api.elevenlabs.io',
  parameters: {
    agent_id: { description: 'The id of the agent.', characters: 'A-Za-z0-9_-', from: 'policy' },
    participant_name: { description: 'The name of the user in the conversation.', from: 'policy', optional: true },
    branch_id: {
      description: 'The id of a branch of the agent.',
      characters: 'A-Za-z0-9_-',
      from: 'policy',
      optional: true,
    },
    environment: {
      description: 'The name of the environment whose variables the agent uses.',
      characters: 'A-Za-z0-9_-',
      from: 'policy',
      optional: true,
    },
  },
  binding: 'account',
  keep: 'never',
  steps: [
    {
      as: 'mint',
      http: {
        method: 'GET',
        path: '/v1/convai/conversation/token',
        query: {
          agent_id: '{parameters.agent_id}',
          participant_name: '{parameters.participant_name}',
          branch_id: '{parameters.branch_id}',
          environment: '{parameters.environment}',
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
  errors: [
    {
      status: 401,
      when: { 'detail.status': 'missing_permissions' },
      code: 'vendor_auth_failed',
      detail: 'The ElevenLabs key lacks a permission.',
      advice: 'Give the key access to ElevenAgents in its settings at ElevenLabs.',
    },
    {
      status: 404,
      code: 'vendor_rejected',
      detail: 'ElevenLabs has no such agent.',
      advice: 'Correct `set.agent_id`, and check that the agent belongs to the workspace of the key.',
    },
  ],
  verify: {
    method: 'GET',
    path: '/v1/convai/agents',
    query: { page_size: 1 },
    headers: { 'xi-api-key': '{secrets.apiKey}' },
    repeatable: true,
  },
  sample: { mint: { token: 'sample-token', conversation_id: 'conv_sample' } },
  docs: { hook: '`conversationToken` at the start of a session', withdrawal: 'nothing: it ends by its expiry' },
} as const satisfies RecipeInput;
