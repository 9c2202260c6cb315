// Mosaics of Kodak's DC120, which are a JPEG of half the height, each two bytes of it swapped. LibRaw's build for
// browsers interpolates the colours of a JPEG otherwise than LibRaw does elsewhere; browsers do it as that.

/** Decode the pixels of such a file anew, (height x width) sensor units; null for any other file. */
export async function kodakJpeg(bytes, { width, height, model }) {
  if (model !== "DC120") return null;
  const start = bytes.findIndex((value, n) =>
    value === 0xd8 && bytes[n + 1] === 0xff && bytes[n + 3] === 0xff);
  if (start < 0) return null;
  const jpeg = new Uint8Array((bytes.length - start) & ~1).map((_, n) => bytes[start + (n ^ 1)]);
  let picture;
  try {
    picture = await createImageBitmap(new Blob([jpeg], { type: "image/jpeg" }), { colorSpaceConversion: "none" });
  } catch {
    return null;
  }
  if (picture.width !== width || picture.height !== height / 2) return null;
  const context = new OffscreenCanvas(width, height / 2).getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  const { data } = context.getImageData(0, 0, width, height / 2);
  const pixels = new Uint16Array(width * height);
  for (let row = 0; row < height; row += 2) {
    for (let column = 0; column < width; column += 2) {
      const from = 4 * ((row / 2) * width + column), to = row * width + column;
      pixels[to] = 2 * data[from + 1];
      pixels[to + 1] = data[from] + data[from + 4];
      pixels[to + width] = data[from + 2] + data[from + 6];
      pixels[to + width + 1] = 2 * data[from + 5];
    }
  }
  return pixels;
}
