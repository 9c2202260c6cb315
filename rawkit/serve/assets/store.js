// A stored frame becomes a photo of a work: it is restored, and shown beside its truth.
const said = document.getElementById("said");

async function post(path, body) {
  const answer = await fetch(path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: body && JSON.stringify(body),
  });
  const found = await answer.json();
  if (!answer.ok) throw new Error(`${found.error.title}. ${found.error.text}`);
  return found;
}

for (const button of document.querySelectorAll("[data-frame]")) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      const work = document.body.dataset.work || (await post("/api/works")).id;
      await post(`/api/works/${work}/frames`, { store: document.body.dataset.store, frame: button.dataset.frame });
      location.assign(`/work/${work}`);
    } catch (error) {
      said.textContent = error.message;
      button.disabled = false;
    }
  });
}
