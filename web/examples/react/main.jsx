import { useEffect, useState } from "react";
import { createRoot } from "react-dom/client";
import { load } from "mien";

function App() {
  const [mien, setMien] = useState(null);
  const [said, say] = useState("Choose a picture.");

  useEffect(() => {
    const loading = load();
    loading.then(setMien, (error) => say(error.message));
    return () => void loading.then((loaded) => loaded.close(), () => undefined);
  }, []);

  async function read({ target }) {
    const faces = await mien.predict(target.files[0]);
    say([...faces].map((face) => face.emotion).join(", ") || "No face found.");
  }

  return (
    <>
      <input type="file" accept="image/*" disabled={!mien} onChange={read} />
      <p role="status">{said}</p>
    </>
  );
}

createRoot(document.getElementById("root")).render(<App />);
