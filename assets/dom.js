// Makes elements, and knows them. Text only ever becomes a text node.

export function make(tag, className, text, attributes = {}) {
  const node = document.createElement(tag);
  node.className = className;
  if (text) node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

// Whether a file that is dropped here goes to a field that the browser fills in itself.
export function takesFiles(node) {
  return Boolean(node.closest?.("input[type=file]"));
}
