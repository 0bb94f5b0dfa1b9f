// Asks the server for JSON; throws with its words where it refuses.

export async function ask(url, options) {
  const answer = await fetch(url, options);
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  throw new Error((await answer.json().catch(() => null))?.detail ?? `The server said ${answer.status}.`);
}
