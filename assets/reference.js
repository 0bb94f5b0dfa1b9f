// Published acceptance of EAGLE-3 heads at K = 3, of all drafts, as their sources print it.

export const REFERENCES = [
  {
    name: "Llama-4 Maverick, text",
    perPosition: [0.71, 0.48, 0.34],
    source: "model card of nm-testing/Llama4-Maverick-Eagle3-Speculators, MT-Bench",
  },
  {
    name: "Llama-4 Maverick, images",
    perPosition: [0.6, 0.34, 0.19],
    source: "model card of nm-testing/Llama4-Maverick-Eagle3-Speculators, custom image prompts",
  },
  {
    name: "Llama-3.1-8B",
    perPosition: [0.7296, 0.5208, 0.3545],
    source: "vLLM's test of acceptance lengths, RedHatAI/Llama-3.1-8B-Instruct-speculator.eagle3, MT-Bench",
  },
  {
    name: "Qwen3-8B",
    perPosition: [0.6541, 0.3993, 0.202],
    source: "vLLM's test of acceptance lengths, RedHatAI/Qwen3-8B-speculator.eagle3, MT-Bench",
  },
];
