// The pictures of the session, kept in this browser until they are cleared, so that a reload loses nothing.

const STORE = "pictures";
let opened = null;

function open() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open("mien", 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { autoIncrement: true });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

/** Runs one request on the store; where storage is switched off or full, the answer is `otherwise`. */
async function ask(make, otherwise) {
  try {
    const store = (await open()).transaction(STORE, "readwrite").objectStore(STORE);
    const request = make(store);
    return await new Promise((resolve, reject) => {
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
      request.transaction.onabort = () => reject(request.transaction.error); // it is full
    });
  } catch {
    return otherwise;
  }
}

/** Keeps a file; the answer is its key, or null where it cannot be kept. */
export const keep = (file) => ask((store) => store.add({ file, name: file.name }), null);

/** Forgets one file by its key, or all. */
export const forget = (key) => (key === null ? undefined : ask((store) => store.delete(key)));
export const forgetAll = () => ask((store) => store.clear());

/** The files that are kept, with their keys, in the order in which they came. */
export async function keptFiles() {
  const [keys, values] = await Promise.all([ask((store) => store.getAllKeys(), []), ask((store) => store.getAll(), [])]);
  return values.map(({ file, name }, number) => ({ key: keys[number], file: new File([file], name, { type: file.type }) }));
}
