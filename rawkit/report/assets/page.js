"use strict";
// The slider of each comparison: moved by its range input, so by keyboard too, or on the picture.
for (const card of document.querySelectorAll(".compare")) {
  const stage = card.querySelector(".stage");
  const range = card.querySelector("input[type=range]");
  const place = (value) => {
    const at = Math.min(100, Math.max(0, value));
    stage.style.setProperty("--at", at + "%");
    range.value = at;
    range.setAttribute("aria-valuetext", Math.round(at) + " percent " + range.dataset.left);
  };
  range.addEventListener("input", () => place(range.valueAsNumber));
  const follow = (event) => {
    const box = stage.getBoundingClientRect();
    place((100 * (event.clientX - box.left)) / box.width);
  };
  stage.addEventListener("pointerdown", (event) => {
    stage.setPointerCapture(event.pointerId);
    follow(event);
  });
  stage.addEventListener("pointermove", (event) => {
    if (stage.hasPointerCapture(event.pointerId)) follow(event);
  });
  for (const choice of card.querySelectorAll("input[type=radio]")) {
    choice.addEventListener("change", () => {
      const [left, right] = choice.value.split("/");
      for (const image of stage.querySelectorAll("img")) {
        const side = { [left]: "left", [right]: "right" }[image.dataset.kind];
        if (side) image.dataset.side = side;
        else delete image.dataset.side;
      }
      stage.querySelector(".tag.l").textContent = left;
      stage.querySelector(".tag.r").textContent = right;
      range.dataset.left = left;
      place(range.valueAsNumber);
    });
  }
  place(range.valueAsNumber);
}
