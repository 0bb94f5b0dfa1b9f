// An image of a prompt as the trace tells of it: a small picture, its size, and how many tokens stand for it.

export function picture(image, name) {
  const figure = document.createElement("figure");
  figure.className = "e3-picture";
  if (image.thumbnail?.startsWith("data:image/")) {
    const small = document.createElement("img");
    small.src = image.thumbnail;
    small.alt = name;
    figure.append(small);
  }
  const caption = document.createElement("figcaption");
  caption.textContent = [`${image.width} × ${image.height}`, tokens(image.num_tokens)].filter(Boolean).join(" · ");
  figure.append(caption);
  return figure;
}

function tokens(number) {
  return number == null ? null : `${number} ${number === 1 ? "token" : "tokens"}`;
}

// What was asked, without any template.
export function said({ messages, text }) {
  const content = messages?.at(-1)?.content ?? text;
  if (typeof content === "string") return content;
  return Array.isArray(content) ? content.map((part) => part?.text ?? "").join("") : "";
}
