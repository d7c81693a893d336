import type { RecipeInput } from '../../recipe/index.ts';

export const elevenlabsSignedUrlRecipe = {
  id: 'elevenlabs-signed-url',
  title: 'ElevenLabs Agents (WebSocket)',
  secrets: { apiKey: { description: 'An API key of ElevenLabs that may use ElevenAgents.' } },
  baseUrl: 'https://api.elevenlabs.io',
  parameters: {
    agent_id: { description: 'The id of the agent.', characters: 'A-Za-z0-9_-', from: 'policy' },
    include_conversation_id: {
      description: 'Whether the URL names its conversation, and thus works for one conversation only.',
      type: 'flag',
      from: 'policy',
      optional: true,
    },
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
        path: '/v1/convai/conversation/get-signed-url',
        query: {
          agent_id: '{parameters.agent_id}',
          include_conversation_id: '{parameters.include_conversation_id}',
          branch_id: '{parameters.branch_id}',
          environment: '{parameters.environment}',
        },
        headers: { 'xi-api-key': '{secrets.apiKey}' },
      },
    },
  ],
  answer: { token: { signed_url: '{mint.signed_url}' }, expiry: { seconds: 900 }, uses: 'once' },
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
  sample: { mint: { signed_url: 'wss://api.elevenlabs.io/v1/convai/conversation?conversation_signature=sample' } },
  docs: { hook: '`signedUrl` at the start of a session', withdrawal: 'nothing: it ends by its expiry' },
} as const satisfies RecipeInput;
