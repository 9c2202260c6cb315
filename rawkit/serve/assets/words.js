// Facts and states of photos, as people say them.
export const size = (bytes) =>
  bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1e3))} kB` : `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;

export function time(seconds) {
  if (seconds >= 0.4) return `${Number(seconds.toPrecision(3))} s`;
  return `1/${Math.round(1 / seconds)} s`;
}

export function facts(photo) {
  const about = photo.facts;
  if (!about) return size(photo.bytes);
  const parts = [about.camera, about.iso && `ISO ${Math.round(about.iso)}`, about.seconds && time(about.seconds),
    about.f_number && `f/${Number(about.f_number.toPrecision(2))}`,
    `${(about.width * about.height / 1e6).toFixed(1)} MP`];
  return parts.filter(Boolean).join(" · ");
}

const ahead = (place) => (place ? `${place} before it` : "next");

export function state(photo) {
  const picture = photo.pictures.at(-1);
  if (photo.stage === "refused") return photo.problem.title;
  if (photo.stage === "waiting") return `Waiting to be read, ${ahead(photo.place)}`;
  if (photo.stage === "reading") return "Being read";
  if (!picture) return "Ready";
  if (picture.stage === "waiting") return `Waiting for its turn, ${ahead(picture.place)}`;
  if (picture.stage === "working") return `Being restored, ${Math.round(100 * picture.share)} %`;
  if (picture.stage === "failed") return picture.problem.title;
  return `Restored · ${size(picture.bytes)}`;
}

export function stops(value) {
  if (!value) return "as automatic";
  const number = Math.abs(value).toString();
  return `${number} ${number === "1" ? "stop" : "stops"} ${value > 0 ? "brighter" : "darker"}`;
}

export function brightness(wanted) {
  if (wanted.exposure) return `like ${wanted.exposure}`;
  if (wanted.m) return `m = ${wanted.m}`;
  return wanted.stops ? stops(wanted.stops) : "automatic";
}
