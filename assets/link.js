// A place in a recording as the part of an address behind "#": step=41&request=r1. Steps count from 1, as on the page.

export function readPlace() {
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
}

// Keeps what it is not told about; leaves out what is empty. The history gets no entry.
export function writePlace(place) {
  const kept = Object.entries({ ...readPlace(), ...place }).filter(([, value]) => value !== null && value !== undefined);
  const text = new URLSearchParams(kept).toString();
  history.replaceState(history.state, "", text ? `#${text}` : location.pathname + location.search);
}
