import { afterAll, expect, test } from "vitest";

import { blend } from "../src/blend.ts";
import { resizePixels, resizePlane, RowStretcher } from "../src/resize.ts";
import { halvesToEven } from "../src/rounding.ts";
import { largestDifference, pixels, plane, vectors } from "./vectors.ts";

const farthest = { picture: 0, plane: 0 };

afterAll(() => {
  console.log(`resize, largest difference from Python: ${farthest.picture} (pictures), ${farthest.plane} (watermarks)`);
});

test.each(vectors.resize)("pictures are resized as in Python when their size is $picture.shape", (one) => {
  const expected = plane(one.resized_picture);
  const found = resizePixels(pixels(one.picture), expected.height, expected.width);
  const difference = largestDifference(found.data, expected.data);
  farthest.picture = Math.max(farthest.picture, difference);
  expect(difference).toBeLessThanOrEqual(1e-6);
});

test.each(vectors.resize)("planes are resized as in Python when their size is $plane.shape", (one) => {
  const expected = plane(one.resized_plane);
  const found = resizePlane(plane(one.plane), expected.height, expected.width);
  const difference = largestDifference(found.data, expected.data);
  farthest.plane = Math.max(farthest.plane, difference);
  expect(difference).toBeLessThanOrEqual(2e-6);
});

test.each(vectors.resize)("rows are those of the whole when a plane of $plane.shape is stretched", (one) => {
  const { height, width, channels } = plane(one.resized_plane);
  const whole = resizePlane(plane(one.plane), height, width).data;
  const stretcher = new RowStretcher(plane(one.plane), height, width);
  const line = width * channels;
  for (let y = 0; y < height; y++) {
    expect(stretcher.row(y)).toEqual(whole.slice(y * line, (y + 1) * line));
  }
});

test.each(vectors.blend)("a watermark is added as in Python when the map is $mark.attenuation.name", (one) => {
  const picture = pixels(one.picture);
  const found = blend(picture, plane(one.delta), one.mark);
  const expected = pixels(one.marked).data;
  const differing = found.pixels.data.filter((value, i) => value !== expected[i]).length;
  expect(largestDifference(found.pixels.data, expected)).toBeLessThanOrEqual(1);
  expect(differing).toBeLessThanOrEqual(0.001 * expected.length);
  expect(found.psnrDb).toBeCloseTo(one.psnr_db, 2);
});

test("nothing is added when the strength is 0", () => {
  const one = vectors.blend[0]!;
  const found = blend(pixels(one.picture), plane(one.delta), { ...one.mark, scaling_i: 1 }, 0);
  expect([...found.pixels.data]).toEqual([...pixels(one.picture).data]);
  expect(found.psnrDb).toBe(Infinity);
});

test("halves go to the even neighbour when rounded", () => {
  expect([0.5, 1.5, 2.5, -0.5, -1.5, 2.4, 2.6].map(halvesToEven)).toEqual([0, 2, 2, -0, -2, 2, 3]);
});
