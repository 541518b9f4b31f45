/** Points as triangles: a layer of points with another outline, so that a million of them cost no more. */

import { ScatterplotLayer } from "@deck.gl/layers";

// 1 on the edges of a triangle whose corners are at a distance of 1, as `length` is on a circle
const DISTANCE = "(2.0 * max(-unitPosition.y, 0.8660254 * abs(unitPosition.x) + 0.5 * unitPosition.y))";

export class TriangleLayer<Data = unknown> extends ScatterplotLayer<Data> {
  static override layerName = "TriangleLayer";

  override getShaders(): { fs: string } {
    const shaders = super.getShaders() as { fs: string };
    return { ...shaders, fs: shaders.fs.replace("length(unitPosition)", DISTANCE) };
  }
}
