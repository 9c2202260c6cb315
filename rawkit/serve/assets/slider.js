// A picture above another one: a line between them, moved by a range input, or on the picture.
export function slider(stage, range) {
  const place = (value) => {
    const at = Math.min(100, Math.max(0, value));
    stage.style.setProperty("--at", at + "%");
    range.value = at;
    const left = stage.querySelector(".tag.l").textContent;
    range.setAttribute("aria-valuetext", `${Math.round(at)} percent ${left}`);
  };
  range.addEventListener("input", () => place(range.valueAsNumber));
  const follow = (event) => {
    const box = stage.getBoundingClientRect();
    place((100 * (event.clientX - box.left)) / box.width);
  };
  stage.addEventListener("pointerdown", (event) => {
    if (!stage.classList.contains("split") || stage.classList.contains("zoomed")) return;
    stage.setPointerCapture(event.pointerId);
    follow(event);
  });
  stage.addEventListener("pointermove", (event) => {
    if (stage.classList.contains("zoomed")) return;
    if (stage.hasPointerCapture(event.pointerId)) follow(event);
  });
  return place;
}
